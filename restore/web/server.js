// What the page asks the server.

let version = ""; // of the photo that is shown; the server refuses deeds on another

export class Lost extends Error {} // what is shown may not be what the server has

// The picture that an answer holds.
export async function pictureOf(answer) {
  try {
    return await createImageBitmap(await answer.blob());
  } catch {
    throw new Lost("The answer was cut short; here is the photo as it is now.");
  }
}

export async function ask(name, body) {
  let answer;
  try {
    const deed = { method: "POST", body, headers: { "X-Version": version } };
    answer = await fetch(name, body === undefined ? {} : deed);
  } catch {
    throw new Lost("restore does not answer; is it still running in the terminal?");
  }
  if (answer.ok) {
    version = answer.headers.get("X-Version");
    return answer;
  }
  let sentence = `The server answered ${answer.status}.`;
  try {
    sentence = (await answer.json()).error;
  } catch {
    // it was no sentence of ours
  }
  throw answer.status === 409 ? new Lost(sentence) : new Error(sentence);
}
