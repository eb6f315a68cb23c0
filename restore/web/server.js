// What the page asks the server.

import { NO_ROOM } from "./canvases.js";

let version = ""; // of the photo that is shown; the server refuses deeds on another

// What an answer brought is shown now, and deeds are done on that.
export function accept(answer) {
  version = answer.headers.get("X-Version");
}

// What the server tells of the photo, and the photo of the same moment.
export async function look() {
  for (;;) {
    const told = await ask("state");
    const answer = await ask("photo");
    if (told.headers.get("X-Version") !== answer.headers.get("X-Version")) continue;
    return { state: await told.json(), picture: await pictureOf(answer), answer };
  }
}

export class Lost extends Error {} // what is shown may not be what the server has
export class Changed extends Lost {} // and it did nothing, as the photo had changed before

// The picture that an answer holds.
export async function pictureOf(answer) {
  let file;
  try {
    file = await answer.blob();
  } catch {
    throw new Lost("The answer was cut short; here is the photo as it is now.");
  }
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(NO_ROOM);
  }
}

// What is painted on a canvas, as a file.
export function maskOf(canvas) {
  const failed = new Error("The browser has not enough memory for a mask of this size.");
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(failed)), "image/png"),
  );
}

export async function ask(name, body) {
  let answer;
  try {
    const deed = { method: "POST", body, headers: { "X-Version": version } };
    answer = await fetch(name, body === undefined ? {} : deed);
  } catch {
    throw new Lost("The answer was lost; here is the photo as it is now.");
  }
  if (answer.ok) return answer;
  let sentence = `The server answered ${answer.status}.`;
  try {
    sentence = (await answer.json()).error;
  } catch {
    // it was no sentence of ours
  }
  throw answer.status === 409 ? new Changed(sentence) : new Error(sentence);
}
