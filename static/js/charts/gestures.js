/**
 * Mouse and touch on a plotting area: wheel zooms time, shift-wheel addresses, drag pans or
 * brushes, double click shows the whole, a click sets the cursor.
 */

const CLICK_SLOP = 4;
const ZOOM_PER_WHEEL_PIXEL = 1.0015;

/**
 * @typedef {import("./overlay.js").Overlay} Overlay
 * @typedef {import("../view/view.js").View} View
 * A place in the area: shares of its width and height, y from the top.
 * @typedef {{x: number, y: number}} Point
 * A rectangle of it, in the same shares.
 * @typedef {{left: number, right: number, top: number, bottom: number}} Box
 * @typedef {object} GestureOptions
 * @property {() => View} axis what the area is drawn by: lengths and places are of that
 * @property {boolean} hasAddresses whether the vertical axis is addresses
 * @property {(event: PointerEvent) => boolean} isBrush whether a drag brushes, else it pans
 * @property {(point: Point | null) => void} hover
 * @property {(point: Point) => void} click
 * @property {(box: Box) => void} brushed
 * @property {() => void} whole
 */

/**
 * @param {Overlay} overlay
 * @param {View} view
 * @param {GestureOptions} options
 */
export function attachGestures(overlay, view, options) {
  const area = overlay.element;
  listenToDrags(overlay, view, options);
  area.addEventListener("dblclick", () => options.whole());
  area.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey) return;
      event.preventDefault();
      wheel(view, event, pointOf(area, event), options);
    },
    { passive: false },
  );
}

/**
 * Where a pointer is in an area.
 * @param {HTMLElement} area
 * @param {MouseEvent} event
 * @returns {Point}
 */
function pointOf(area, event) {
  const box = area.getBoundingClientRect();
  const clamp = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
  return {
    x: clamp((event.clientX - box.left) / box.width),
    y: clamp((event.clientY - box.top) / box.height),
  };
}

/**
 * @param {Overlay} overlay
 * @param {View} view
 * @param {GestureOptions} options
 */
function listenToDrags(overlay, view, options) {
  const area = overlay.element;
  /** @type {{start: Point, last: Point, isBrush: boolean, moved: number} | null} */
  let drag = null;

  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = pointOf(area, event);
    drag = { start: at, last: at, isBrush: options.isBrush(event), moved: 0 };
    area.setPointerCapture(event.pointerId);
  });

  area.addEventListener("pointermove", (event) => {
    const at = pointOf(area, event);
    options.hover(at);
    if (!drag) return;
    const box = area.getBoundingClientRect();
    const [dx, dy] = [at.x - drag.last.x, at.y - drag.last.y];
    drag.moved += Math.abs(dx) * box.width + Math.abs(dy) * box.height;
    if (drag.moved < CLICK_SLOP) return;
    drag.last = at;
    if (drag.isBrush) overlay.placeBrush(boxOf(drag, options.hasAddresses));
    else pan(view, options.axis(), { dx, dy: options.hasAddresses ? dy : 0 });
  });

  const finish = (/** @type {PointerEvent} */ event) => {
    if (!drag) return;
    const done = drag;
    drag = null;
    overlay.clearBrush();
    if (event.type === "pointercancel") return;
    if (done.moved < CLICK_SLOP) options.click(pointOf(area, event));
    else if (done.isBrush) options.brushed(boxOf(done, options.hasAddresses));
  };
  area.addEventListener("pointerup", finish);
  area.addEventListener("pointercancel", finish);
  area.addEventListener("pointerleave", () => drag || options.hover(null));
}

/**
 * @param {{start: Point, last: Point}} drag
 * @param {boolean} hasAddresses
 * @returns {Box}
 */
function boxOf({ start, last }, hasAddresses) {
  return {
    left: Math.min(start.x, last.x),
    right: Math.max(start.x, last.x),
    top: hasAddresses ? Math.min(start.y, last.y) : 0,
    bottom: hasAddresses ? Math.max(start.y, last.y) : 1,
  };
}

/**
 * @param {View} view
 * @param {View} axis
 * @param {{dx: number, dy: number}} by shares
 */
function pan(view, axis, { dx, dy }) {
  if (dx) view.panTime(-dx * axis.length);
  const isZoomedOut = view.gpaFrom === null && view.gpaTo === null;
  if (dy && !isZoomedOut) view.panAddresses(dy);
}

/**
 * @param {View} view
 * @param {WheelEvent} event
 * @param {Point} at
 * @param {GestureOptions} options
 */
function wheel(view, event, at, { axis, hasAddresses }) {
  // With shift held, browsers turn a vertical wheel into a horizontal one.
  const pixels = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 16 : 1);
  const factor = ZOOM_PER_WHEEL_PIXEL ** pixels;
  if (event.shiftKey && hasAddresses) {
    view.zoomAddresses(factor, 1 - at.y);
  } else {
    const { time, length } = axis();
    view.zoomTime(factor, time.from + at.x * length);
  }
}
