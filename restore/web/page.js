// The page of `restore paint`: what is painted goes to the server as a mask, pixels come back.
// The photo stays with the server; what is shown here is never sent.

import { Lost, ask } from "./server.js";
import { Steps } from "./steps.js";
import { draw } from "./strokes.js";

const BRUSHES = { least: 2, most: 200, step: 1.25 }; // diameters on the screen

const find = (id) => document.getElementById(id);
const view = find("view");
const stage = find("stage");
const photo = find("photo");
const paint = find("paint");
const before = find("before");
const cursor = find("cursor");
const width = find("width");
const brush = paint.getContext("2d");
const steps = new Steps();

let state = null; // what the server tells of the photo
let tool = "brush";
let scale = 1; // pixels of the screen for one of the photo
let fitted = true; // whether the scale follows the window
let busy = false;
let current = null; // the stroke that is being drawn
let panned = null; // two fingers that move the photo
let unsaved = false;

// ---- one job at a time

async function work(sentence, job) {
  if (busy || current) return;
  busy = true;
  document.body.classList.add("busy");
  tell(sentence);
  update();
  try {
    tell(await job());
  } catch (error) {
    tell(error.message, true);
    if (error instanceof Lost) await load().catch(() => {});
  } finally {
    busy = false;
    document.body.classList.remove("busy");
    update();
  }
}

function tell(sentence, failed = false) {
  find("status").textContent = sentence;
  find("status").classList.toggle("error", failed);
}

async function showPatch(answer) {
  const bitmap = await createImageBitmap(await answer.blob());
  const [left, top] = ["X-Left", "X-Top"].map((name) => Number(answer.headers.get(name)));
  const context = photo.getContext("2d");
  context.clearRect(left, top, bitmap.width, bitmap.height);
  context.drawImage(bitmap, left, top);
  bitmap.close();
  unsaved = true;
}

const toBlob = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

// Show the photo as the server has it; what is painted and not filled stays.
async function load() {
  state = await (await ask("state")).json();
  if (photo.width !== state.width || photo.height !== state.height) {
    for (const canvas of [photo, paint]) {
      canvas.width = state.width;
      canvas.height = state.height;
    }
  }
  const bitmap = await createImageBitmap(await (await ask("photo")).blob());
  const context = photo.getContext("2d");
  context.clearRect(0, 0, state.width, state.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  unsaved = state.unsaved;
  steps.recount(state.fills);
}

// ---- what the buttons do

function fill() {
  if (!steps.isPainted) return;
  work("Filling …", async () => {
    const begun = performance.now();
    await showPatch(await ask("fill", await toBlob(paint)));
    steps.fill();
    repaint();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    return `Filled in ${seconds} s. Another gives a different fill; Save writes the photo.`;
  });
}

function fillAgain() {
  if (find("again").disabled) return;
  work("Filling again …", async () => {
    await showPatch(await ask("again", ""));
    steps.change();
    return "Filled otherwise.";
  });
}

function undo() {
  if (find("undo").disabled || current) return;
  step(steps.last, "undo", "Taken back.");
}

function redo() {
  if (find("redo").disabled || current) return;
  step(steps.next, "redo", "Put back.");
}

// Go a step back or forth; fills are the server's, strokes are ours.
function step(kind, name, sentence) {
  if (kind === "stroke") {
    steps[name]();
    repaint();
    return;
  }
  work("One moment …", async () => {
    await showPatch(await ask(name, ""));
    steps[name]();
    repaint();
    return sentence;
  });
}

function save() {
  if (find("save").disabled) return;
  work("Saving …", async () => {
    const { saved } = await (await ask("save", "")).json();
    unsaved = false;
    return `Saved as ${saved}`;
  });
}

function saveMask() {
  work("Saving the mask …", async () => {
    const { saved } = await (await ask("mask", await toBlob(paint))).json();
    return `Saved as ${saved}`;
  });
}

function compare(shown) {
  if (find("compare").disabled) shown = false;
  if (shown && !before.src) before.src = "original";
  before.hidden = !shown;
  paint.style.visibility = shown ? "hidden" : "";
}

function choose(name) {
  tool = name;
  for (const button of document.querySelectorAll(".tool")) {
    button.setAttribute("aria-pressed", String(button.id === name));
  }
  cursor.hidden = true;
}

function resizeBrush(factor) {
  const size = Math.round(Number(width.value) * factor + Math.sign(factor - 1));
  width.value = Math.min(BRUSHES.most, Math.max(BRUSHES.least, size));
}

function update() {
  const filled = steps.fills.length > 0;
  find("fill").disabled = busy || !steps.isPainted;
  find("again").disabled = busy || steps.last !== "fill";
  find("undo").disabled = busy || !steps.last;
  find("redo").disabled = busy || !steps.next;
  find("compare").disabled = !filled;
  find("save").disabled = busy || !(filled || unsaved);
  find("mask").disabled = busy || !(filled || steps.isPainted);
}

// ---- painting

function repaint() {
  brush.globalCompositeOperation = "source-over";
  brush.clearRect(0, 0, paint.width, paint.height);
  if (steps.painted) brush.drawImage(steps.painted, 0, 0);
  for (const stroke of steps.strokes) draw(brush, stroke);
  update();
}

function placeOf(event) {
  const { left, top } = paint.getBoundingClientRect();
  return { x: (event.clientX - left) / scale, y: (event.clientY - top) / scale };
}

function begin(event) {
  if (current) pan(event);
  if (busy || !state || event.button > 0 || current || panned) return;
  paint.setPointerCapture(event.pointerId);
  current = {
    tool,
    pointer: event.pointerId,
    width: Math.max(1, Number(width.value) / scale),
    points: [placeOf(event)],
  };
  draw(brush, current);
}

// A second finger takes the stroke of the first back, and both move the photo.
function pan(event) {
  if (event.pointerType !== "touch") return;
  panned = { pointer: current.pointer, x: event.clientX, y: event.clientY, second: event.pointerId };
  current = null;
  repaint();
}

function movePhoto(event) {
  if (event.pointerId !== panned.second) return;
  view.scrollLeft -= event.clientX - panned.x;
  view.scrollTop -= event.clientY - panned.y;
  panned = { ...panned, x: event.clientX, y: event.clientY };
}

function extend(event) {
  if (panned) {
    movePhoto(event);
    return;
  }
  showCursor(event);
  if (!current || event.pointerId !== current.pointer) return;
  const seen = event.getCoalescedEvents?.() ?? [];
  const points = (seen.length ? seen : [event]).map(placeOf);
  if (current.tool === "box") {
    current.points = [current.points[0], points.at(-1)];
    repaint();
    draw(brush, current);
    return;
  }
  // Only what is new is drawn, from the last point on.
  draw(brush, { ...current, points: [current.points.at(-1), ...points] });
  current.points.push(...points);
}

function end(event) {
  if (panned && [panned.pointer, panned.second].includes(event.pointerId)) {
    panned = null;
    return;
  }
  if (!current || event.pointerId !== current.pointer) return;
  const { pointer, ...stroke } = current;
  current = null;
  const empty = stroke.tool === "box" && stroke.points.length < 2;
  if (!empty && event.type !== "pointercancel") steps.paint(stroke);
  repaint();
}

function showCursor(event) {
  const size = Number(width.value);
  const place = placeOf(event);
  cursor.hidden = tool === "box" || event.pointerType === "touch";
  cursor.style.width = cursor.style.height = `${size}px`;
  cursor.style.left = `${place.x * scale - size / 2}px`;
  cursor.style.top = `${place.y * scale - size / 2}px`;
}

// ---- zoom

function zoom(next, event) {
  const box = stage.getBoundingClientRect();
  const seen = view.getBoundingClientRect();
  const x = event?.clientX ?? seen.left + seen.width / 2;
  const y = event?.clientY ?? seen.top + seen.height / 2;
  const at = { x: (x - box.left) / scale, y: (y - box.top) / scale };
  scale = Math.min(16, Math.max(0.02, next));
  stage.style.width = `${state.width * scale}px`;
  stage.style.height = `${state.height * scale}px`;
  stage.classList.toggle("pixels", scale > 2);
  const moved = stage.getBoundingClientRect(); // what was under the pointer goes back there
  view.scrollLeft += moved.left + at.x * scale - x;
  view.scrollTop += moved.top + at.y * scale - y;
  cursor.hidden = true;
}

function zoomBy(factor, event) {
  if (!state) return;
  fitted = false;
  zoom(scale * factor, event);
}

function fit() {
  if (!state) return;
  fitted = true;
  const room = { width: view.clientWidth - 24, height: view.clientHeight - 24 };
  zoom(Math.min(room.width / state.width, room.height / state.height, 4));
}

// ---- events

const KEYS = {
  b: () => choose("brush"),
  r: () => choose("box"),
  e: () => choose("eraser"),
  n: fillAgain,
  Enter: fill,
  "[": () => resizeBrush(1 / BRUSHES.step),
  "]": () => resizeBrush(BRUSHES.step),
  "+": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: fit,
  " ": () => compare(true),
};
const CONTROL_KEYS = { z: undo, y: redo, s: save };
const SHIFTED_KEYS = { z: redo }; // beside Ctrl
const CLICKS = { fill, again: fillAgain, undo, redo, save, mask: saveMask, fit };

function pressKey(event) {
  const isBracket = event.key === "[" || event.key === "]"; // Alt is a part of these on some keyboards
  const controlled = (event.ctrlKey || event.metaKey) && !isBracket;
  if (event.altKey && !isBracket) return;
  const pressed = event.key === "Enter" || event.key === " ";
  const button = pressed && event.target instanceof HTMLButtonElement ? event.target.id : "";
  if (button && button !== "compare") return; // it takes these two itself
  const keys = !controlled ? KEYS : event.shiftKey ? SHIFTED_KEYS : CONTROL_KEYS;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const deed = button ? () => compare(true) : keys[key];
  if (!deed) return;
  event.preventDefault();
  deed();
}

function listen() {
  for (const [id, deed] of Object.entries(CLICKS)) find(id).addEventListener("click", deed);
  for (const name of ["brush", "box", "eraser"]) find(name).addEventListener("click", () => choose(name));
  find("larger").addEventListener("click", () => zoomBy(1.25));
  find("smaller").addEventListener("click", () => zoomBy(0.8));
  // A button that was clicked shall not take the next Space or Enter, which are keys of the page.
  document.addEventListener("click", (event) => event.detail && event.target.blur?.());
  find("compare").addEventListener("pointerdown", () => compare(true));
  for (const name of ["pointerup", "pointerleave", "blur"]) {
    find("compare").addEventListener(name, () => compare(false));
  }
  paint.addEventListener("pointerdown", begin);
  paint.addEventListener("pointermove", extend);
  paint.addEventListener("pointerup", end);
  paint.addEventListener("pointercancel", end);
  paint.addEventListener("pointerleave", () => (cursor.hidden = true));
  view.addEventListener("wheel", wheel, { passive: false });
  document.addEventListener("keydown", pressKey);
  document.addEventListener("keyup", (event) => [" ", "Enter"].includes(event.key) && compare(false));
  window.addEventListener("resize", () => fitted && fit());
  window.addEventListener("blur", () => compare(false));
  window.addEventListener("beforeunload", (event) => {
    if (unsaved || steps.strokes.length) event.preventDefault();
  });
}

function wheel(event) {
  if (!event.ctrlKey && !event.metaKey) return; // without it the wheel scrolls
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 300), event);
}

// ---- the beginning

async function loadPainted() {
  const mask = await createImageBitmap(await (await ask("painted")).blob());
  const canvas = new OffscreenCanvas(state.width, state.height);
  const context = canvas.getContext("2d");
  context.drawImage(mask, 0, 0);
  const pixels = context.getImageData(0, 0, state.width, state.height);
  const values = pixels.data;
  for (let i = 0; i < values.length; i += 4) {
    values[i + 3] = values[i]; // white is painted, black is not
    values[i + 1] = 0;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

async function start() {
  await load();
  document.title = `${state.name} – restore`;
  if (state.painted) {
    const given = await loadPainted();
    if (state.fills) steps.fills[0].painted = given; // which that fill has taken
    else steps.painted = given;
  }
  fit();
  repaint();
  const size = `${state.width} × ${state.height}`;
  return `${state.name}, ${size}. Paint over what should go, then press Fill.`;
}

listen();
work("Reading the photo …", start);
