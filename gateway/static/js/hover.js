// The box that tells of what is under the pointer.

import { ESTIMATED, GAP, HELD, UNSPLIT, WARMUP } from './chart/columns.js'
import { h } from './dom.js'
import { range, timeOfDay, watts } from './format.js'
import { nameOf, strings } from './strings.js'
import { texts } from './strings/live.js'

const MIN_W = 5 // less is not worth a line
const SAID = [[GAP, texts.partGap], [HELD, texts.partHeld], [ESTIMATED, texts.partEstimated], [WARMUP, texts.partWarmup], [UNSPLIT, texts.partUnsplit]]

export function showHover(box, point, slots, chosen) {
  box.hidden = point == null
  if (point == null) return
  const { at_s, step_s, state } = point
  const time = step_s > 1 ? `${timeOfDay(at_s * 1000)} – ${timeOfDay((at_s + step_s) * 1000)}` : timeOfDay(at_s * 1000)
  const lines = point.powers.filter(([name, power_w]) => power_w >= MIN_W || name === chosen).reverse()
  box.replaceChildren(h('strong', {}, time), line(strings.total, watts(point.mains_w)),
    step_s > 1 && point.high_w - point.low_w >= MIN_W ? line(texts.between, texts.interval(...range(point.low_w, point.high_w))) : '',
    ...lines.map(([name, power_w]) => line(name === 'other' ? strings.other : nameOf(name), watts(power_w), slots.get(name) ?? 'other')),
    point.band ? line(texts.bandShort, texts.interval(...range(...point.band))) : '',
    ...SAID.filter(([kind]) => state & kind).map(([, text]) => h('em', {}, text)))
  box.classList.toggle('left', point.left > 0.5)
}

function line(name, value, slot) {
  return h('span', {}, slot == null ? null : h('i', { class: `series-${slot}` }), name, h('b', {}, value))
}
