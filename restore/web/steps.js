// What is painted, filled and taken back, in turn.

const FILL = Symbol("fill");

export class Steps {
  strokes = []; // since the last fill
  painted = null; // a mask that they begin with
  fills = []; // each keeps the strokes, and the mask to begin with, that it took
  #undone = []; // strokes, and FILL for fills, the last that was taken back at the end

  get isPainted() {
    return this.strokes.length > 0 || this.painted !== null;
  }

  // What undo takes back and redo puts back: "stroke", "fill" or "" for nothing.
  get last() {
    return this.strokes.length ? "stroke" : this.fills.length ? "fill" : "";
  }

  get next() {
    return this.#undone.length ? (this.#undone.at(-1) === FILL ? "fill" : "stroke") : "";
  }

  paint(stroke) {
    this.strokes.push(stroke);
    this.#undone = [];
  }

  fill() {
    this.#fill();
    this.#undone = [];
  }

  undo() {
    if (this.last === "stroke") this.#undone.push(this.strokes.pop());
    else if (this.last === "fill") {
      ({ strokes: this.strokes, painted: this.painted } = this.fills.pop());
      this.#undone.push(FILL);
    }
  }

  redo() {
    if (!this.next) return;
    const undone = this.#undone.pop();
    if (undone === FILL) this.#fill();
    else this.strokes.push(undone);
  }

  // The photo has so many fills, and so many that were taken back, whatever was known of them.
  recount(count, undone) {
    this.fills = this.fills.slice(0, count);
    while (this.fills.length < count) this.fills.push({ strokes: [], painted: null });
    this.#undone = Array(undone).fill(FILL);
  }

  #fill() {
    this.fills.push({ strokes: this.strokes, painted: this.painted });
    this.strokes = [];
    this.painted = null;
  }
}
