// The name of a key that is pressed, as tables have it: "b", "Enter", "Control+z"; "" for none.
export function nameOf(event) {
  if (["[", "]"].includes(event.key)) return event.key; // Ctrl and Alt may be a part of these
  if (event.altKey) return "";
  const isForeign = event.key.length === 1 && event.key > "~"; // as я: then by where the key lies
  const key = isForeign ? event.code.replace(/^(Key|Digit)/, "") : event.key;
  const held = event.ctrlKey || event.metaKey ? (event.shiftKey ? "Control+Shift+" : "Control+") : "";
  return held + (key.length === 1 ? key.toLowerCase() : key);
}
