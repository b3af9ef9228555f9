// The bars of a period: stacked by appliance, what was fed in below the line, the period before as a mark at each.

import { powerTicks } from '../chart/axes.js'
import { h, svg } from '../dom.js'
import { kilowattHours as kwh, money } from '../format.js'
import { address } from '../router.js'
import { nameOf, strings } from '../strings.js'
import { texts } from '../strings/history.js'
import { barName, barTitle } from './periods.js'

const WIDE = { day: 'day', week: 'day', month: 'day', year: 'month' } // where a bar leads

export function drawBars(box, info, { period, sums, slots, currency }) {
  const width = Math.max(box.clientWidth, 260)
  const height = box.clientHeight
  const plot = { left: 46, top: 8, width: width - 50, height: height - 34 }
  const past = sums.past
  const most = Math.max(0.05, ...sums.bars.map((bar) => Math.max(bar.stack_kwh, bar.import_kwh)), ...past.map((bar) => bar.import_kwh))
  const least = -Math.max(0, ...sums.bars.map((bar) => bar.export_kwh))
  const ticks = powerTicks(least * 1000, most * 1000, plot.height / 48).map((wh) => wh / 1000)
  const [low, high] = [ticks[0], ticks.at(-1)]
  const y = (value) => plot.top + ((high - value) / (high - low)) * plot.height
  const step = plot.width / sums.bars.length
  const gap = Math.min(step * 0.28, 10)
  const names = [...slots.keys(), 'other']
  const lines = ticks.flatMap((tick) => [
    svg('line', { class: 'grid', x1: plot.left, x2: plot.left + plot.width, y1: y(tick), y2: y(tick) }),
    svg('text', { x: plot.left - 6, y: y(tick), class: 'left' }, axisText(tick, high)),
  ])
  const narrow = step < 48
  const every = Math.ceil((period.kind === 'day' ? 46 : 34) / step)
  const bars = sums.bars.map((bar, n) => {
    const x = plot.left + n * step + gap / 2
    let base = 0
    const parts = names.filter((name) => bar.appliances.get(name)?.kwh > 0).map((name) => {
      const top = base + bar.appliances.get(name).kwh
      const part = svg('rect', { class: `fill-${name === 'other' ? 'other' : slots.get(name)}`, x, width: step - gap, y: y(top), height: Math.max(y(base) - y(top), 0) })
      base = top
      return part
    })
    if (bar.export_kwh) parts.push(svg('rect', { class: 'fed', x, width: step - gap, y: y(0), height: y(-bar.export_kwh) - y(0) }))
    const before = past[n]?.seconds ? past[n].import_kwh : null
    if (before != null) parts.push(svg('line', { class: 'before', x1: x - gap / 4, x2: x + step - gap + gap / 4, y1: y(before), y2: y(before) }))
    const label = texts.bar(barTitle(period.kind, bar.start), bar.seconds ? kwh(bar.import_kwh) : texts.unknown, before == null ? '' : kwh(before))
    const hit = svg('rect', { class: 'hit', x: plot.left + n * step, width: step, y: plot.top, height: plot.height })
    const tell = () => showInfo(info, period, bar, before, slots, currency, n / sums.bars.length)
    const acts = { onpointerenter: tell, onfocus: tell, onpointerleave: () => hide(info), onblur: () => hide(info) }
    const text = n % every ? null : svg('text', { class: 'below', x: x + (step - gap) / 2, y: plot.top + plot.height + 16 }, barName(period.kind, bar.start, narrow))
    if (period.kind === 'day') return svg('g', { ...acts, role: 'img', 'aria-label': label, tabindex: 0 }, hit, ...parts, text)
    const to = address('history', [], { step: WIDE[period.kind], date: bar.start })
    return svg('a', { ...acts, href: to, 'aria-label': label }, hit, ...parts, text)
  })
  const zero = svg('line', { class: 'zero', x1: plot.left, x2: plot.left + plot.width, y1: y(0), y2: y(0) })
  box.replaceChildren(svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': texts.bars('') }, ...lines, ...bars, zero))
  hide(info)
}

const axisText = (value, high) => (value === 0 ? '0' : high < 1 ? `${Math.round(value * 1000)} Wh` : `${+value.toFixed(2)}`)

function hide(info) {
  info.hidden = true
}

function showInfo(info, period, bar, before, slots, currency, at) {
  const parts = [...bar.appliances].filter(([, part]) => part.kwh >= 0.005).sort((a, b) => b[1].kwh - a[1].kwh).slice(0, 8)
  const line = (name, value, slot) => h('span', {}, slot == null ? null : h('i', { class: `series-${slot}` }), name, h('b', {}, value))
  info.hidden = false
  info.replaceChildren(h('strong', {}, barTitle(period.kind, bar.start)),
    line(texts.used, kwh(bar.import_kwh)), bar.cost == null ? '' : line(texts.cost, money(bar.cost, currency)),
    bar.export_kwh ? line(texts.fed, kwh(bar.export_kwh)) : '', before == null ? '' : line(texts.compare[period.kind], kwh(before)),
    ...parts.map(([name, part]) => line(name === 'other' ? strings.other : nameOf(name), kwh(part.kwh), slots.get(name) ?? 'other')))
  info.classList.toggle('left', at > 0.5)
}
