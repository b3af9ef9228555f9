// Small drawings as SVG: power over a day, bars, lanes. The style sheets colour them, so that a theme needs no drawing anew.

import { svg } from './dom.js'
import { axisPower, minuteOfDay } from './format.js'

const LEFT = 46
const BOTTOM = 20
const HOUR_MS = 3600000

// Draws into a box now and whenever its width changes; `draw(width)` gives the drawing.
export function drawInto(box, draw, signal) {
  let width = 0
  const again = () => {
    if (box.clientWidth > 0) box.replaceChildren(draw(width = box.clientWidth))
  }
  const observer = new ResizeObserver(() => box.clientWidth !== width && again())
  observer.observe(box)
  signal.addEventListener('abort', () => observer.disconnect())
  return again
}

// Power over time. `series`: { at_ms, power_w, name } where null, or more than `gap_ms` between two times, is a gap.
export function powerPlot({ width, height = 200, from_ms, to_ms, series, gap_ms, now_ms, label }) {
  const most = niceMost(series.flatMap((one) => one.power_w))
  const x = (at_ms) => LEFT + (width - LEFT - 4) * (at_ms - from_ms) / (to_ms - from_ms)
  const y = (power_w) => (height - BOTTOM) * (1 - Math.max(0, power_w) / most) + 0.5
  const marks = []
  for (let at = from_ms; at <= to_ms; at += (width < 500 ? 6 : 3) * HOUR_MS) marks.push(at)
  return svg('svg', { class: 'plot', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    ...axis(most, width, y),
    ...marks.map((at) => svg('text', { class: 'tick', x: x(at), y: height - 5, 'text-anchor': at === from_ms ? 'start' : at >= to_ms ? 'end' : 'middle' }, minuteOfDay(at))),
    ...gapsOf(series[0], from_ms, Math.min(now_ms, to_ms), gap_ms).map(([start, end]) => svg('rect', { class: 'gap', x: x(start), width: Math.max(1, x(end) - x(start)), y: 0, height: height - BOTTOM })),
    ...series.flatMap(({ at_ms, power_w, name }) => runs(at_ms, power_w, gap_ms).flatMap((run) => {
      const line = run.map((i) => `${x(at_ms[i]).toFixed(1)},${y(power_w[i]).toFixed(1)}`).join('L')
      const area = `M${x(at_ms[run[0]]).toFixed(1)},${y(0)}L${line}L${x(at_ms[run.at(-1)]).toFixed(1)},${y(0)}Z`
      return [name === 'predicted' && svg('path', { class: 'area', d: area }), svg('path', { class: `line ${name}`, d: `M${line}` })]
    })),
    svg('line', { class: 'cursor', opacity: 0, y1: 0, y2: height - BOTTOM }))
}

// Tells which time is under the pointer; null once it leaves.
export function followPointer(box, { from_ms, to_ms }, onMove) {
  const cursor = (x) => {
    const line = box.querySelector('.cursor')
    line?.setAttribute('opacity', x == null ? 0 : 1)
    for (const end of x == null ? [] : ['x1', 'x2']) line?.setAttribute(end, x)
  }
  box.onpointermove = (event) => {
    const across = box.clientWidth - LEFT - 4
    const share = (event.clientX - box.getBoundingClientRect().left - LEFT) / across
    const inside = share >= 0 && share <= 1
    cursor(inside ? LEFT + share * across : null)
    onMove(inside ? from_ms + share * (to_ms - from_ms) : null)
  }
  box.onpointerleave = () => { cursor(null); onMove(null) }
}

// One bar for each hour of the day; null for none.
export function barPlot({ width, height = 170, values, label }) {
  const most = niceMost(values)
  const step = (width - LEFT - 4) / values.length
  const y = (value) => (height - BOTTOM) * (1 - value / most) + 0.5
  return svg('svg', { class: 'plot', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    ...axis(most, width, y),
    ...values.map((value, i) => value != null && svg('rect', { class: 'bar-of-hour', 'data-hour': i, x: LEFT + i * step + 1, width: Math.max(1, step - 2), y: y(value), height: y(0) - y(value), rx: Math.min(2, step / 5) })),
    ...values.map((_, i) => i % 6 === 0 && svg('text', { class: 'tick', x: LEFT + i * step, y: height - 5 }, `${String(i).padStart(2, '0')}:00`)))
}

// A line for each day, newest first, with a block for each span; `days`: { label, from_ms, to_ms }.
export function lanePlot({ width, days, spans, label }) {
  const row = 26
  const height = days.length * row + BOTTOM
  const left = 74
  const across = width - left - 4
  return svg('svg', { class: 'plot lanes', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    ...days.flatMap(({ label: text, from_ms, to_ms }, i) => {
      const x = (at_ms) => left + across * Math.min(1, Math.max(0, (at_ms - from_ms) / (to_ms - from_ms)))
      const mine = spans.filter(([start, end]) => end > from_ms && start < to_ms)
      return [svg('text', { class: 'tick', x: 0, y: i * row + 16 }, text), svg('rect', { class: 'lane', x: left, y: i * row + 3, width: across, height: row - 8, rx: 3 }),
        ...mine.map(([start, end]) => svg('rect', { class: 'span', x: x(start), y: i * row + 3, width: Math.max(1.5, x(end) - x(start)), height: row - 8, rx: 1.5 }))]
    }),
    ...[0, 6, 12, 18, 24].map((hour) => svg('text', { class: 'tick', x: left + across * hour / 24, y: height - 4, 'text-anchor': hour === 0 ? 'start' : hour === 24 ? 'end' : 'middle' }, `${String(hour).padStart(2, '0')}:00`)))
}

function axis(most, width, y) {
  return [0, 0.5, 1].flatMap((part) => [
    svg('line', { class: 'grid', x1: LEFT, x2: width - 4, y1: y(part * most), y2: y(part * most) }),
    svg('text', { class: 'tick', x: LEFT - 6, y: y(part * most) + (part === 1 ? 9 : part === 0 ? -1 : 4), 'text-anchor': 'end' }, axisPower(part * most, most)),
  ])
}

function niceMost(values) {
  const most = values.reduce((high, value) => Math.max(high, value ?? 0), 0)
  if (most <= 10) return 10
  const size = 10 ** Math.floor(Math.log10(most))
  return [1, 1.6, 2, 3, 4, 6, 8, 10].map((n) => n * size).find((high) => high >= most)
}

// Indexes of what hangs together.
function runs(at_ms, power_w, gap_ms) {
  const found = []
  let last = null
  at_ms.forEach((at, i) => {
    if (power_w[i] == null) return
    if (last == null || at - at_ms[last] > gap_ms) found.push([])
    found.at(-1).push(i)
    last = i
  })
  return found
}

// Stretches of which nothing is known, until now.
function gapsOf({ at_ms, power_w }, from_ms, until_ms, gap_ms) {
  const known = at_ms.filter((_, i) => power_w[i] != null)
  const edges = [from_ms - gap_ms / 2, ...known, until_ms]
  return edges.slice(1).map((at, i) => [edges[i], at]).filter(([start, end]) => end - start > gap_ms)
    .map(([start, end]) => [Math.max(start, from_ms), end])
}
