// Where an axis has its ticks, and what stands at them.

import { minuteOfDay, timeOfDay, weekdayOf } from '../format.js'

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]

// Round powers from at or below `least_w` to at or above `most_w`, some `number` of them.
export function powerTicks(least_w, most_w, number) {
  const raw = Math.max(most_w - least_w, 100) / Math.max(number, 1)
  const ten = 10 ** Math.floor(Math.log10(raw))
  const step_w = ten * [1, 2, 2.5, 5, 10].find((m) => m * ten >= raw)
  const ticks = []
  const top_w = Math.ceil(Math.max(most_w, 100) / step_w) * step_w
  for (let w = Math.floor(least_w / step_w) * step_w; w <= top_w + step_w / 2; w += step_w) ticks.push(w)
  return ticks
}

// Round times of this browser's clock, at most `number` of them: [at_s, text].
export function timeTicks(from_s, to_s, number) {
  const step_s = STEPS_S.find((step) => (to_s - from_s) / step <= Math.max(number, 1)) ?? 86400
  const offset_s = -new Date(to_s * 1000).getTimezoneOffset() * 60
  const ticks = []
  for (let s = Math.ceil((from_s + offset_s) / step_s) * step_s; s <= to_s + offset_s; s += step_s) {
    const at_ms = (s - offset_s) * 1000
    ticks.push([s - offset_s, step_s < 60 ? timeOfDay(at_ms) : s % 86400 ? minuteOfDay(at_ms) : weekdayOf(at_ms)])
  }
  return ticks
}
