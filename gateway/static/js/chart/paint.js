// Draws columns on a canvas. Coordinates are CSS pixels.

import { ESTIMATED, GAP, HELD, NOTHING, UNKNOWN, UNSPLIT, WARMUP, breaks } from './columns.js'

const FADED = 0.2
export const LANE = 6 // height of the line of marks below the chart

// `plot`: {left, top, width, height, x(at_s), y(power_w)}; `look`: colours, and how each layer is drawn.
export function paint(context, plot, columns, look) {
  context.save()
  context.beginPath()
  context.rect(plot.left, 0, plot.width, plot.top + plot.height + LANE + 2)
  context.clip()
  paintStretches(context, plot, columns, look)
  if (columns.step_s > 1) paintBars(context, plot, columns, look)
  else paintLayers(context, plot, columns, look)
  if (look.focus != null) paintBand(context, plot, columns, look)
  if (columns.step_s === 1) paintMains(context, plot, columns, look)
  paintLane(context, plot, columns, look)
  context.restore()
}

function paintLayers(context, plot, columns, look) {
  for (const [a, b] of runs(columns.length, (c) => breaks(columns, c))) {
    for (let l = 0; l < columns.tops.length; l++) {
      const upper = columns.tops[l]
      const lower = l ? columns.tops[l - 1] : null
      if (!differs(upper, lower, a, b)) continue
      const name = columns.names[l]
      context.globalAlpha = look.focus == null || look.focus === name ? 1 : FADED
      context.fillStyle = look.colours.get(name)
      context.beginPath()
      let begun = false
      for (let c = a; c < b; c++) {
        if (!columns.split[c]) continue
        const [x, y] = [plot.x(columns.at_s[c]), plot.y(upper[c])]
        if (begun) context.lineTo(x, y)
        else context.moveTo(x, y)
        begun = true
      }
      for (let c = b - 1; c >= a; c--) {
        if (columns.split[c]) context.lineTo(plot.x(columns.at_s[c]), plot.y(lower ? lower[c] : 0))
      }
      context.fill()
    }
  }
  context.globalAlpha = 1
}

// Where a column is many seconds: rectangles, which are quicker to fill than outlines of a day; over them, pale, from
// the lowest to the highest second, which the means alone would hide; and mains as a line of steps.
function paintBars(context, plot, columns, look) {
  const { length, step_s, at_s, mean, tops } = columns
  const edges = new Int32Array(length + 1)
  for (let c = 0; c <= length; c++) edges[c] = Math.round(plot.x(at_s[0] + (c - 0.5) * step_s))
  for (let l = 0; l < tops.length; l++) {
    const name = columns.names[l]
    context.globalAlpha = look.focus == null || look.focus === name ? 1 : FADED
    context.fillStyle = look.colours.get(name)
    for (let c = 0; c < length; c++) {
      if (!columns.split[c]) continue
      const lower = plot.y(l ? tops[l - 1][c] : 0)
      const upper = plot.y(tops[l][c])
      if (lower - upper > 0.1) context.fillRect(edges[c], upper, edges[c + 1] - edges[c], lower - upper)
    }
  }
  context.fillStyle = look.ink
  context.globalAlpha = 0.16
  for (let c = 0; c < length; c++) {
    if (!Number.isNaN(mean[c])) context.fillRect(edges[c], plot.y(columns.high[c]), edges[c + 1] - edges[c], plot.y(columns.low[c]) - plot.y(columns.high[c]))
  }
  context.globalAlpha = 1
  let before = NaN
  for (let c = 0; c < length; c++) {
    const y = plot.y(mean[c])
    if (!Number.isNaN(y)) {
      const from = Number.isNaN(before) ? y : before
      context.fillRect(edges[c], y - 0.6, edges[c + 1] - edges[c], 1.2)
      if (Math.abs(from - y) > 1) context.fillRect(edges[c], Math.min(from, y), 1, Math.abs(from - y))
    }
    before = y
  }
}

function paintBand(context, plot, columns, look) {
  context.fillStyle = look.ink
  context.globalAlpha = 0.22
  area(context, plot, columns, columns.bandHigh, columns.bandLow, (c) => Number.isNaN(columns.bandLow[c]))
  context.globalAlpha = 1
  context.strokeStyle = look.ink
  context.lineWidth = 1
  context.setLineDash([3, 3])
  for (const edge of [columns.bandHigh, columns.bandLow]) line(context, plot, columns, edge, (c) => Number.isNaN(columns.bandLow[c]))
  context.setLineDash([])
}

function paintMains(context, plot, columns, look) {
  context.strokeStyle = look.ink
  context.lineWidth = columns.step_s > 20 ? 1 : 1.5
  context.lineJoin = 'round'
  line(context, plot, columns, columns.mean, (c) => breaks(columns, c))
}

// Gaps and what is not loaded, over the whole height.
function paintStretches(context, plot, columns, look) {
  for (const [kind, fill] of [[UNKNOWN | NOTHING, look.ground], [GAP, look.hatch]]) {
    context.fillStyle = fill
    for (const [left, width] of stretches(plot, columns, (c) => (columns.state[c] & kind) && Number.isNaN(columns.mean[c]))) {
      context.fillRect(left, plot.top, width, plot.height)
    }
  }
}

function paintLane(context, plot, columns, look) {
  const y = plot.top + plot.height + 2
  for (const [kind, fill] of [[UNSPLIT, look.line], [WARMUP, look.warmup], [ESTIMATED, look.estimated], [HELD, look.held], [GAP, look.gap]]) {
    context.fillStyle = fill
    for (const [left, width] of stretches(plot, columns, (c) => columns.state[c] & kind)) context.fillRect(left, y, Math.max(width, 2), LANE - 2)
  }
}

// Left and width of each run of columns that are so.
function* stretches(plot, columns, isSo) {
  const half_s = columns.step_s / 2
  for (const [a, b] of runs(columns.length, (c) => !isSo(c))) {
    const left = Math.max(plot.x(columns.at_s[a] - half_s), plot.left)
    const right = Math.min(plot.x(columns.at_s[b - 1] + half_s), plot.left + plot.width)
    if (right > left) yield [left, right - left]
  }
}

function area(context, plot, columns, upper, lower, isBroken = (c) => breaks(columns, c)) {
  for (const [a, b] of runs(columns.length, isBroken)) {
    context.beginPath()
    for (let c = a; c < b; c++) if (!Number.isNaN(columns.mean[c])) context.lineTo(plot.x(columns.at_s[c]), plot.y(upper[c]))
    for (let c = b - 1; c >= a; c--) if (!Number.isNaN(columns.mean[c])) context.lineTo(plot.x(columns.at_s[c]), plot.y(lower[c]))
    context.fill()
  }
}

function line(context, plot, columns, values, isBroken) {
  for (const [a, b] of runs(columns.length, isBroken)) {
    context.beginPath()
    for (let c = a; c < b; c++) if (!Number.isNaN(values[c])) context.lineTo(plot.x(columns.at_s[c]), plot.y(values[c]))
    context.stroke()
  }
}

// [first, after] of each run of columns between those that break.
function* runs(length, isBroken) {
  let first = 0
  for (let c = 0; c <= length; c++) {
    if (c < length && !isBroken(c)) continue
    if (c > first) yield [first, c]
    first = c + 1
  }
}

function differs(upper, lower, a, b) {
  for (let c = a; c < b; c++) if (upper[c] > (lower ? lower[c] : 0)) return true
  return false
}
