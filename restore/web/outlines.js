// What is laid over the photo while it is painted: the ring of the brush, the frame of a box.

export class Outlines {
  #viewport;
  #ring;
  #frame;

  constructor(viewport, ring, frame) {
    this.#viewport = viewport;
    this.#ring = ring;
    this.#frame = frame;
  }

  // `width`: pixels of the screen.
  size(width) {
    this.#ring.style.width = this.#ring.style.height = `${width}px`;
  }

  showRing(event) {
    this.#place(this.#ring, this.#viewport.placeOf(event));
    this.#ring.hidden = false;
  }

  hideRing() {
    this.#ring.hidden = true;
  }

  showFrame(first, last) {
    this.#place(this.#frame, { x: Math.min(first.x, last.x), y: Math.min(first.y, last.y) });
    this.#frame.style.width = `${Math.abs(last.x - first.x) * this.#viewport.scale}px`;
    this.#frame.style.height = `${Math.abs(last.y - first.y) * this.#viewport.scale}px`;
    this.#frame.hidden = false;
  }

  hideFrame() {
    this.#frame.hidden = true;
  }

  #place(element, at) {
    element.style.left = `${at.x * this.#viewport.scale}px`;
    element.style.top = `${at.y * this.#viewport.scale}px`;
  }
}
