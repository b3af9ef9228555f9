// The stacked chart: each appliance on the one below, what no model explains on top, the meter's total as a line.

import uPlot from '../vendor/uplot/uPlot.esm.js'
import { colourOf, cssColour } from './palette.js'
import { axisPower, minuteOfDay, timeOfDay } from './format.js'

const GAP_S = 3 // a longer silence is drawn as a gap

export class Chart {
  constructor(box, onHover) {
    this.box = box
    this.onHover = onHover
    this.span_s = 300
    this.focus = null
    this.plot = null
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(box)
  }

  // Build anew: for other appliances or other colours.
  build(appliances, slots) {
    this.names = [...appliances]
    this.slots = slots
    this.plot?.destroy()
    this.plot = new uPlot(this.options(), [[], ...this.names.map(() => []), [], []], this.box)
  }

  draw(store, now_s) {
    const from = now_s - this.span_s
    let first = store.at_s.length
    while (first > 0 && store.at_s[first - 1] >= from - 1) first--
    this.raw = rawRows(store, this.names, first)
    this.plot.setData(stacked(this.raw), false)
    this.plot.batch(() => {
      this.plot.setScale('x', { min: from, max: now_s })
      this.plot.setScale('y', extent(this.raw.mains, this.plot.data.at(-2)))
    })
  }

  highlight(name) {
    if (this.focus === name) return
    this.focus = name
    this.plot?.redraw(false)
  }

  size() {
    return { width: this.box.clientWidth, height: this.box.clientHeight }
  }

  fill(name, slot) {
    return () => {
      const colour = slot == null ? cssColour('--series-other') : colourOf(slot)
      return this.focus == null || this.focus === name ? colour : `${colour}38`
    }
  }

  options() {
    const layers = [...this.names.map((name) => [name, this.slots.get(name)]), ['other', null]]
    const axis = { stroke: () => cssColour('--ink-soft'), font: '12px system-ui, sans-serif', ticks: { show: false } }
    const grid = { stroke: () => cssColour('--line'), width: 1 }
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, bind: { dblclick: () => null } },
      scales: { x: { time: true, auto: false }, y: { auto: false } },
      padding: [8, 4, 0, 0],
      series: [
        {},
        ...layers.map(([name, slot]) => ({
          label: name, fill: this.fill(name, slot), stroke: () => cssColour('--card'), width: 0.6, points: { show: false },
        })),
        { label: 'mains', stroke: () => cssColour('--ink'), width: 1.5, points: { show: false } },
      ],
      bands: layers.slice(1).map((_, i) => ({ series: [i + 2, i + 1], fill: this.fill(...layers[i + 1]) })),
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 26,
          values: (_, ticks) => ticks.map((s) => (this.span_s < 600 && s % 60 ? timeOfDay : minuteOfDay)(s * 1000)) },
        { ...axis, grid, size: 58, space: 38, values: (plot, ticks) => ticks.map((w) => axisPower(w, plot.scales.y.max)) },
      ],
      hooks: { setCursor: [(plot) => this.hovered(plot.cursor)] },
    }
  }

  hovered({ idx, left }) {
    const raw = this.raw
    if (idx == null || left < 0 || raw?.mains[idx] == null) return this.onHover(null)
    const powers = [...this.names.map((name, i) => [name, raw.layers[i][idx]]), ['other', raw.layers.at(-1)[idx]]]
    this.onHover({ at_s: raw.at_s[idx], mains_w: raw.mains[idx], powers, left: left / this.plot.over.clientWidth })
  }
}

// The store's columns from `first` on, with an empty second where a gap begins.
function rawRows(store, names, first) {
  const columns = [...names.map((name) => store.power_w.get(name)), store.other_w]
  const raw = { at_s: [], mains: [], layers: columns.map(() => []) }
  for (let i = first; i < store.at_s.length; i++) {
    const at_s = store.at_s[i]
    if (raw.at_s.length && at_s - raw.at_s.at(-1) > GAP_S) {
      raw.at_s.push(raw.at_s.at(-1) + 1)
      raw.mains.push(null)
      for (const layer of raw.layers) layer.push(null)
    }
    raw.at_s.push(at_s)
    raw.mains.push(store.mains_w[i])
    columns.forEach((values, c) => raw.layers[c].push(values[i]))
  }
  return raw
}

function stacked(raw) {
  const height = raw.at_s.map(() => 0)
  const layers = raw.layers.map((layer, c) => layer.map((power_w, i) => {
    if (raw.mains[i] == null || (power_w == null && c === raw.layers.length - 1)) return null
    height[i] += Math.max(0, power_w ?? 0)
    return height[i]
  }))
  return [raw.at_s, ...layers, raw.mains]
}

function extent(mains, top) {
  let low = 0
  let high = 100
  for (const values of [mains, top]) {
    for (const w of values) {
      if (w > high) high = w
      if (w < low) low = w
    }
  }
  return { min: low * 1.08, max: high * 1.08 }
}
