// How paint gets onto its layer.

const COLOUR = "#ff00ff"; // opaque; made to shine through by the style sheet

// Draw a stroke {tool, width, points: [{x, y}, …]} of a brush, a box or an eraser.
export function draw(brush, stroke) {
  brush.globalCompositeOperation = stroke.tool === "eraser" ? "destination-out" : "source-over";
  brush.fillStyle = brush.strokeStyle = COLOUR;
  const [first, ...rest] = stroke.points;
  if (stroke.tool === "box") {
    const last = rest.at(-1) ?? first;
    brush.fillRect(first.x, first.y, last.x - first.x, last.y - first.y);
    return;
  }
  brush.lineCap = brush.lineJoin = "round";
  brush.lineWidth = stroke.width;
  brush.beginPath();
  brush.moveTo(first.x, first.y);
  for (const point of rest.length ? rest : [first]) brush.lineTo(point.x, point.y);
  brush.stroke();
}
