// How large the photo is shown, and which part of it.

export class Viewport {
  scale = 1; // pixels of the screen for one of the photo
  #view; // what scrolls
  #stage; // what is as large as the photo is shown
  #size = null; // of the photo
  #fitted = true; // whether the scale follows the window
  #held = new Map(); // where the fingers, or the button, are that move the photo, by pointer

  constructor(view, stage) {
    this.#view = view;
    this.#stage = stage;
  }

  show(width, height) {
    this.#size = { width, height };
  }

  placeOf(event) {
    const { left, top } = this.#stage.getBoundingClientRect();
    return { x: (event.clientX - left) / this.scale, y: (event.clientY - top) / this.scale };
  }

  // ---- zoom; where an event is given, what is under its pointer stays there

  zoomBy(factor, event) {
    if (!this.#size) return;
    this.#fitted = false;
    this.#zoom(this.scale * factor, event);
  }

  fit() {
    if (!this.#size) return;
    this.#fitted = true;
    const room = { width: this.#view.clientWidth - 24, height: this.#view.clientHeight - 24 };
    this.#zoom(Math.min(room.width / this.#size.width, room.height / this.#size.height, 4));
  }

  refit() {
    if (this.#fitted) this.fit();
  }

  #zoom(next, event) {
    const seen = this.#view.getBoundingClientRect();
    const clientX = event?.clientX ?? seen.left + seen.width / 2;
    const clientY = event?.clientY ?? seen.top + seen.height / 2;
    const at = this.placeOf({ clientX, clientY });
    this.scale = Math.min(16, Math.max(0.02, next));
    this.#stage.style.width = `${this.#size.width * this.scale}px`;
    this.#stage.style.height = `${this.#size.height * this.scale}px`;
    this.#stage.classList.toggle("pixels", this.scale > 2);
    const moved = this.#stage.getBoundingClientRect();
    this.#view.scrollLeft += moved.left + at.x * this.scale - clientX;
    this.#view.scrollTop += moved.top + at.y * this.scale - clientY;
  }

  // ---- the photo is moved by the middle button or two fingers, which zoom, too

  get isHeld() {
    return this.#held.size > 0;
  }

  hold({ pointerId, clientX, clientY }) {
    this.#held.set(pointerId, { clientX, clientY });
  }

  release(event) {
    return this.#held.delete(event.pointerId);
  }

  move(event) {
    if (!this.#held.has(event.pointerId)) return;
    const was = this.#spread();
    this.hold(event);
    const now = this.#spread();
    this.#view.scrollLeft -= now.clientX - was.clientX;
    this.#view.scrollTop -= now.clientY - was.clientY;
    if (was.wide && now.wide) this.zoomBy(now.wide / was.wide, now);
  }

  // Their middle, and how far apart two of them are.
  #spread() {
    const [first, second = first] = [...this.#held.values()];
    const [x, y] = [second.clientX - first.clientX, second.clientY - first.clientY];
    return { clientX: first.clientX + x / 2, clientY: first.clientY + y / 2, wide: Math.hypot(x, y) };
  }
}
