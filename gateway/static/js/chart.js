// The stacked chart of a day: each appliance on the one below, what no model explains on top, the meter's total as a line.

import { powerTicks, timeTicks } from './chart/axes.js'
import { readColumns } from './chart/columns.js'
import { installGestures } from './chart/gestures.js'
import { LANE, paint } from './chart/paint.js'
import { Window } from './chart/window.js'
import { h } from './dom.js'
import { axisPower } from './format.js'
import { colourOf, cssColour } from './palette.js'

const LEFT = 54
const BOTTOM = 30
const TOP = 10
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'

export class Chart {
  // `onHover(point)`: what is under the pointer, or null; `onMove(byKey)`: the window was moved; `onDrawn()`: and is drawn.
  constructor(box, { onHover, onMove, onDrawn, signal }) {
    Object.assign(this, { box, onHover, onMove, onDrawn, focus: null, bottom: null, names: [], slots: new Map(), columns: null, pointer: null })
    this.window = new Window(300)
    this.canvas = h('canvas')
    this.cursor = h('i', { class: 'cursor', hidden: true })
    box.replaceChildren(this.canvas, this.cursor)
    this.context = this.canvas.getContext('2d')
    const resized = new ResizeObserver(() => this.resize())
    resized.observe(box)
    signal.addEventListener('abort', () => resized.disconnect())
    installGestures(box, this.window, {
      plotOf: () => this.plot(),
      change: (act, byKey) => { act(); this.soon(); onMove(byKey) },
      point: (clientX) => { this.pointer = clientX; this.soon() },
    }, signal)
    signal.addEventListener('abort', () => cancelAnimationFrame(this.frame))
  }

  // For other appliances, or other colours.
  build(appliances, slots) {
    this.names = [...appliances]
    this.slots = slots
    this.look = {
      colours: new Map([...this.names.map((name) => [name, colourOf(slots.get(name))]), ['other', cssColour('--series-other')]]),
      ink: cssColour('--ink'), soft: cssColour('--ink-soft'), line: cssColour('--line'), ground: cssColour('--ground'),
      held: cssColour('--mark-held'), warmup: cssColour('--mark-warmup'), gap: cssColour('--mark-gap'), estimated: cssColour('--mark-estimated'),
      hatch: hatch(this.context, cssColour('--line')),
    }
    this.soon()
  }

  // Shows what the store has by now; `now_s` is where the time goes on.
  draw(store, now_s) {
    this.store = store
    this.window.now_s = now_s
    this.soon()
  }

  highlight(name) {
    if (this.focus === name) return
    this.focus = name
    this.soon()
  }

  soon() { // whatever happens between two frames is drawn once
    if (this.frame) return
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.render() })
  }

  resize() {
    const ratio = devicePixelRatio || 1
    this.width = this.box.clientWidth
    this.height = this.box.clientHeight
    this.canvas.width = Math.round(this.width * ratio)
    this.canvas.height = Math.round(this.height * ratio)
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.render() // at once: the canvas is empty now
  }

  plot() {
    return { left: LEFT, top: TOP, width: Math.max(this.width - LEFT - 6, 1), height: Math.max(this.height - TOP - BOTTOM, 1) }
  }

  render() {
    if (!this.store || !this.look || !this.width) return
    const { start_s, end_s, span_s } = this.window
    const plot = this.plot()
    const chosen = this.store.band?.name
    const names = chosen == null ? this.names : [chosen, ...this.names.filter((name) => name !== chosen)]
    const columns = this.columns = readColumns(this.store, names, start_s, end_s, plot.width)
    const ticks = powerTicks(columns.least_w, columns.most_w, plot.height / 52)
    const [least_w, most_w] = [ticks[0], ticks.at(-1)]
    plot.x = (at_s) => plot.left + ((at_s - start_s) / span_s) * plot.width
    plot.y = (power_w) => plot.top + ((most_w - power_w) / (most_w - least_w)) * plot.height
    this.context.clearRect(0, 0, this.width, this.height)
    this.drawAxes(plot, ticks, timeTicks(start_s, end_s, plot.width / 74))
    paint(this.context, plot, columns, { ...this.look, focus: this.focus })
    this.drawCursor(plot)
    this.onDrawn()
  }

  drawAxes(plot, powers, times) {
    const { context, look } = this
    context.font = FONT
    context.fillStyle = look.soft
    context.strokeStyle = look.line
    context.lineWidth = 1
    context.textAlign = 'right'
    context.textBaseline = 'middle'
    context.beginPath()
    for (const power_w of powers) {
      const y = Math.round(plot.y(power_w)) + 0.5
      context.moveTo(plot.left, y)
      context.lineTo(plot.left + plot.width, y)
      context.fillText(axisPower(power_w, powers.at(-1)), plot.left - 6, y)
    }
    context.stroke()
    context.textAlign = 'center'
    context.textBaseline = 'top'
    for (const [at_s, text] of times) {
      const x = plot.x(at_s)
      const half = context.measureText(text).width / 2
      if (x - half >= plot.left - 14 && x + half <= this.width) context.fillText(text, x, plot.top + plot.height + LANE + 6)
    }
  }

  drawCursor(plot) {
    const { columns, pointer } = this
    const x = pointer == null ? -1 : pointer - this.box.getBoundingClientRect().left
    const c = Math.round(((x - plot.left) / plot.width * this.window.span_s + this.window.start_s - columns.at_s[0]) / columns.step_s)
    const there = x >= plot.left && x <= plot.left + plot.width && c >= 0 && c < columns.length && !Number.isNaN(columns.mean[c])
    this.cursor.hidden = !there
    if (!there) return this.onHover(null)
    const at_x = plot.x(columns.at_s[c])
    this.cursor.style.transform = `translateX(${at_x.toFixed(1)}px)`
    const powers = columns.split[c] ? columns.names.map((name, l) => [name, columns.tops[l][c] - (l ? columns.tops[l - 1][c] : 0)]) : []
    this.onHover({
      at_s: columns.at_s[c] - (columns.step_s - 1) / 2, step_s: columns.step_s, mains_w: columns.mean[c], low_w: columns.low[c], high_w: columns.high[c],
      powers, state: columns.state[c], band: Number.isNaN(columns.bandLow[c]) ? null : [columns.bandLow[c], columns.bandHigh[c]],
      left: (at_x - plot.left) / plot.width,
    })
  }
}

function hatch(context, colour) {
  const tile = h('canvas', { width: 8, height: 8 })
  const brush = tile.getContext('2d')
  brush.strokeStyle = colour
  brush.lineWidth = 1.5
  brush.beginPath()
  for (const x of [-8, 0, 8]) { brush.moveTo(x - 1, 9); brush.lineTo(x + 9, -1) }
  brush.stroke()
  return context.createPattern(tile, 'repeat')
}
