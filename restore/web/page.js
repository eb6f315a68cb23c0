// The page of `restore paint`: what is painted goes to the server as a mask, pixels come back.
// The photo stays with the server; what is shown here is never sent.

import { checkReading, paintedFrom, resize, show, showIfRoom } from "./canvases.js";
import { nameOf } from "./keys.js";
import { Outlines } from "./outlines.js";
import { Changed, Lost, accept, ask, look, maskOf, pictureOf } from "./server.js";
import { Steps } from "./steps.js";
import { draw } from "./strokes.js";
import { Viewport } from "./viewport.js";

const BRUSHES = { least: 2, most: 200, step: 1.25 }; // diameters on the screen

const find = (id) => document.getElementById(id);
const view = find("view");
const photo = find("photo");
const paint = find("paint");
const before = find("before");
const width = find("width");
const brush = paint.getContext("2d");
const steps = new Steps();
const viewport = new Viewport(view, find("stage"));
const outlines = new Outlines(viewport, find("cursor"), find("frame"));

let state = null; // what the server tells of the photo
let tool = "brush";
let busy = false;
let current = null; // the stroke that is being drawn
let original = false; // whether `before` shows the photo as it was
let unsaved = false;
let begun = false; // whether the photo has been shown

// ---- one job at a time

// `step`: what it does to the steps, "fill", "undo", "redo" or nothing.
async function work(sentence, job, step) {
  if (busy || current) return;
  const focused = document.activeElement;
  busy = true;
  document.body.classList.add("busy");
  tell(sentence);
  update();
  try {
    tell(await job());
  } catch (error) {
    tell(error.message, true);
    if (error instanceof Lost) await recover(error instanceof Changed ? "" : step);
  } finally {
    busy = false;
    document.body.classList.remove("busy");
    update();
    // Which it has lost while it was disabled, as Fill still is.
    if (focused instanceof HTMLButtonElement) focus(focused);
  }
}

// Focus a button, or what comes next to it where it can't be pressed now.
function focus(button) {
  const next = { fill: "again", undo: "redo", redo: "undo" }[button.id];
  [button, find(next ?? "view"), view].find((each) => !each.disabled).focus();
}

// Show the photo as it is once an answer was lost; the server may have done what was asked.
async function recover(step) {
  try {
    begun ? await load(step) : tell(await start());
  } catch (error) {
    const sentence = "restore does not answer; is it still running in the terminal?";
    tell(error instanceof Lost ? sentence : error.message, true);
  }
}

function tell(sentence, failed = false) {
  find("status").textContent = sentence;
  find("status").classList.toggle("error", failed);
  find("status").setAttribute("role", failed ? "alert" : "status");
}

async function showPatch(answer) {
  const bitmap = await pictureOf(answer);
  const [left, top] = ["X-Left", "X-Top"].map((name) => Number(answer.headers.get(name)));
  const context = photo.getContext("2d");
  context.clearRect(left, top, bitmap.width, bitmap.height);
  context.drawImage(bitmap, left, top);
  bitmap.close();
  unsaved = answer.headers.get("X-Unsaved") === "true";
  accept(answer);
}

// Show the photo as the server has it, all of it or nothing; what is painted and not filled stays.
async function load(step) {
  const seen = await look();
  const first = seen.state.fills && !original ? await pictureOf(await ask("original")) : null;
  state = seen.state;
  if (paint.width !== state.width || paint.height !== state.height) {
    resize(paint, state.width, state.height); // which wipes what is painted
  }
  viewport.show(state.width, state.height);
  show(seen.picture, photo);
  if (first) original = showIfRoom(first, before);
  unsaved = state.unsaved;
  const change = { fill: 1, redo: 1, undo: -1 }[step];
  if (change && state.fills === steps.fills.length + change) steps[step]();
  steps.recount(state.fills, steps.isPainted && !steps.next ? 0 : state.undone);
  accept(seen.answer);
  repaint();
}

// ---- what the buttons do

function fill() {
  if (!steps.isPainted) return;
  work("Filling …", async () => {
    const started = performance.now();
    original ||= showIfRoom(photo, before); // before its first fill it is the photo as it was
    await showPatch(await ask("fill", await maskOf(paint)));
    steps.fill();
    repaint();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    return `Filled in ${seconds} s. Another gives a different fill; Save writes the photo.`;
  }, "fill");
}

function fillAgain() {
  if (find("again").disabled) return;
  work("Filling again …", async () => {
    await showPatch(await ask("again", ""));
    steps.fill();
    return "Filled otherwise; Undo brings the fill before back.";
  }, "fill");
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
    const focused = document.activeElement;
    steps[name]();
    repaint();
    if (focused.id === name) focus(focused);
    return;
  }
  work("One moment …", async () => {
    await showPatch(await ask(name, ""));
    steps[name]();
    repaint();
    return sentence;
  }, name);
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
    const { saved } = await (await ask("mask", await maskOf(paint))).json();
    return `Saved as ${saved}`;
  });
}

function compare(shown) {
  if (find("compare").disabled) shown = false;
  before.hidden = !shown;
  paint.style.visibility = shown ? "hidden" : "";
}

function choose(name) {
  tool = name;
  for (const button of document.querySelectorAll(".tool")) {
    button.setAttribute("aria-pressed", String(button.id === name));
  }
  outlines.hideRing();
}

function resizeBrush(factor) {
  const size = Math.round(Number(width.value) * factor + Math.sign(factor - 1));
  width.value = Math.min(BRUSHES.most, Math.max(BRUSHES.least, size));
  sizeRing();
}

// A stroke is a pixel of the photo wide at least.
function sizeRing() {
  outlines.size(Math.max(Number(width.value), viewport.scale));
}

function update() {
  const filled = steps.fills.length > 0;
  find("fill").disabled = busy || !steps.isPainted;
  find("again").disabled = busy || steps.last !== "fill";
  find("undo").disabled = busy || !steps.last;
  find("redo").disabled = busy || !steps.next;
  find("compare").disabled = !filled || !original;
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

function begin(event) {
  if (event.button === 1 && !current) {
    paint.setPointerCapture(event.pointerId);
    viewport.hold(event);
    return;
  }
  if (current) interrupt(event);
  else if (viewport.isHeld && event.pointerType === "touch") viewport.hold(event);
  if (busy || !state || event.button > 0 || current || viewport.isHeld) return;
  paint.setPointerCapture(event.pointerId);
  const place = viewport.placeOf(event);
  current = {
    tool,
    pointer: event,
    width: Math.max(1, Number(width.value) / viewport.scale),
    points: [...(event.shiftKey ? lineFrom() : []), place],
  };
  if (tool !== "box") draw(brush, current);
}

// With Shift a line is drawn from where the last stroke ended.
function lineFrom() {
  const last = steps.strokes.at(-1);
  return tool === "box" || !last || last.tool === "box" ? [] : [last.points.at(-1)];
}

// A second finger, or a pen after the palm, takes the stroke of the first finger back; two fingers
// move the photo.
function interrupt(event) {
  const first = current.pointer;
  if (first.pointerType !== "touch" || !["touch", "pen"].includes(event.pointerType)) return;
  current = null;
  outlines.hideFrame();
  repaint();
  if (event.pointerType === "touch") {
    viewport.hold(first);
    viewport.hold(event);
  }
}

function extend(event) {
  viewport.move(event);
  showRing(event);
  if (event.pointerId !== current?.pointer.pointerId) return;
  current.pointer = event;
  const seen = event.getCoalescedEvents?.() ?? [];
  const points = (seen.length ? seen : [event]).map((each) => viewport.placeOf(each));
  if (current.tool === "box") {
    current.points = [current.points[0], points.at(-1)];
    outlines.showFrame(...current.points);
    return;
  }
  // Only what is new is drawn, from the last point on.
  draw(brush, { ...current, points: [current.points.at(-1), ...points] });
  current.points.push(...points);
}

function end(event) {
  if (viewport.release(event) || event.pointerId !== current?.pointer.pointerId) return;
  const { pointer, ...stroke } = current;
  current = null;
  outlines.hideFrame();
  const empty = stroke.tool === "box" && stroke.points.length < 2;
  if (empty || event.type === "pointercancel") {
    repaint();
    return;
  }
  steps.paint(stroke);
  if (stroke.tool === "box") draw(brush, stroke); // others have been drawn on the way
  update();
}

function showRing(event) {
  sizeRing();
  outlines.showRing(event);
  if (tool === "box" || event.pointerType === "touch" || viewport.isHeld) outlines.hideRing();
}

function zoomBy(factor, event) {
  viewport.zoomBy(factor, event);
  outlines.hideRing();
}

function fit() {
  viewport.fit();
  outlines.hideRing();
}

// ---- events

const REPEATED = ["[", "]", "+", "-", "Control+z", "Control+y", "Control+Shift+z"]; // while held
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
  "Control+z": undo,
  "Control+y": redo,
  "Control+Shift+z": redo,
  "Control+s": save,
};
const ZOOM = { larger: KEYS["+"], smaller: KEYS["-"], fit };
const CLICKS = { fill, again: fillAgain, undo, redo, save, mask: saveMask };

function pressKey(event) {
  const name = nameOf(event);
  const isTaken = ["Enter", " "].includes(name) && event.target instanceof HTMLButtonElement;
  if (isTaken && event.target.id !== "compare") return; // that button takes these two itself
  const deed = isTaken ? () => compare(true) : KEYS[name];
  if (!deed) return;
  event.preventDefault();
  if (!event.repeat || REPEATED.includes(name)) deed();
}

function listen() {
  for (const [id, deed] of Object.entries({ ...CLICKS, ...ZOOM })) find(id).addEventListener("click", deed);
  for (const name of ["brush", "box", "eraser"]) find(name).addEventListener("click", () => choose(name));
  // A button that was clicked shall not take the next Space or Enter, which are keys of the page;
  // it loses the focus before its job begins, which gives that back at its end.
  document.addEventListener("click", (event) => event.detail && event.target.blur?.(), true);
  find("compare").addEventListener("pointerdown", () => compare(true));
  for (const name of ["pointerup", "pointerleave", "blur"]) {
    find("compare").addEventListener(name, () => compare(false));
  }
  paint.addEventListener("pointerdown", begin);
  paint.addEventListener("pointermove", extend);
  for (const name of ["pointerup", "pointercancel"]) paint.addEventListener(name, end);
  paint.addEventListener("pointerleave", () => outlines.hideRing());
  // The middle button moves the photo, and the browser shall not scroll by it, too.
  paint.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault());
  width.addEventListener("input", sizeRing);
  view.addEventListener("wheel", wheel, { passive: false });
  document.addEventListener("keydown", pressKey);
  document.addEventListener("keyup", (event) => [" ", "Enter"].includes(event.key) && compare(false));
  window.addEventListener("resize", () => viewport.refit());
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

async function start() {
  checkReading();
  await load();
  fit();
  document.title = `${state.name} – restore`;
  photo.setAttribute("aria-label", state.name);
  if (state.painted) {
    const mask = await pictureOf(await ask("painted"));
    const given = paintedFrom(mask, state.width, state.height);
    if (state.fills) steps.fills[0].painted = given; // which that fill has taken
    else steps.painted = given;
  }
  repaint();
  begun = true;
  const size = `${state.width} × ${state.height}`;
  return `${state.name}, ${size}. Paint over what should go, then press Fill.`;
}

listen();
work("Reading the photo …", start);
