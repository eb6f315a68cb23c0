// Canvases and what is drawn on them; browsers leave one that is too large blank, without a word.

export const NO_ROOM = "The browser has not enough memory for a picture of this size.";

// Give a canvas a size, which wipes it, and return what draws on it.
export function resize(canvas, width, height) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, 1, 1);
  if (!context.getImageData(0, 0, 1, 1).data[3]) throw new Error(NO_ROOM);
  context.clearRect(0, 0, 1, 1);
  return context;
}

export function show(bitmap, canvas) {
  resize(canvas, bitmap.width, bitmap.height).drawImage(bitmap, 0, 0);
  bitmap.close?.(); // a canvas has none
}

// Tell whether there was room to show it.
export function showIfRoom(bitmap, canvas) {
  try {
    show(bitmap, canvas);
    return true;
  } catch {
    return false;
  }
}

// A canvas with what a mask marks, white, as it is painted.
export function paintedFrom(mask, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = resize(canvas, width, height);
  context.drawImage(mask, 0, 0);
  mask.close();
  const pixels = context.getImageData(0, 0, width, height);
  const values = pixels.data;
  for (let i = 0; i < values.length; i += 4) {
    values[i + 3] = values[i]; // white is painted, black is not
    values[i + 1] = 0;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

// Refuse a browser that hides from pages what they have drawn: a mask would be noise.
export function checkReading() {
  const context = new OffscreenCanvas(8, 8).getContext("2d");
  context.fillStyle = "#f0f";
  context.fillRect(0, 0, 8, 8);
  const { data } = context.getImageData(0, 0, 8, 8);
  const isAsDrawn = (value, i) => Math.abs(value - (i % 4 === 1 ? 0 : 255)) < 16;
  if (data.every(isAsDrawn)) return;
  throw new Error("This browser hides from the page what is painted; allow it to read canvases.");
}
