// What /analytics/energy answers, as the view needs it: the bars of a period, those of the one before, and their sums.

const NOTHING = { import_kwh: 0, export_kwh: 0, cost: null, seconds: 0, appliances: new Map() }

// `answer` covers both periods in the steps of the bars; `now_date` is the building's day, or of hours the present time.
export function sumsOf(answer, period, earlier, now) {
  const starts = (one) => one.start.slice(0, 10)
  const bars = answer.periods.filter((one) => starts(one) >= period.start && starts(one) < period.end).map(barOf)
  const past = answer.periods.filter((one) => starts(one) >= earlier.start && starts(one) < earlier.end).map(barOf)
  const done = bars.filter((bar) => ends(bar) <= now).length // those that are over
  const running = done < bars.length && bars.some((bar) => bar.seconds)
  const of = (list) => list.reduce(add, NOTHING)
  return {
    bars, past, total: of(bars), before: of(past), running, done,
    soFar: running ? of(bars.slice(0, done)) : of(bars), // what may fairly be compared
    byThen: running ? of(past.slice(0, done)) : of(past),
  }
}

const ends = (bar) => (bar.end.length > 10 ? Date.parse(bar.end) : bar.end)

function barOf({ start, end, start_time, mains, appliances, other }) {
  const parts = new Map(Object.entries(appliances).map(([name, one]) => [name, { kwh: one.kwh, cost: one.cost, on_s: one.on_s }]))
  if (other) parts.set('other', { kwh: other.kwh, cost: other.cost, on_s: null })
  const kwh = [...parts.values()].reduce((sum, part) => sum + part.kwh, 0)
  const seconds = mains?.seconds ?? Math.max(0, ...Object.values(appliances).map((one) => one.seconds))
  return { start, end, start_time, import_kwh: mains?.import_kwh ?? kwh, export_kwh: mains?.export_kwh ?? 0, cost: mains?.cost ?? null, seconds, appliances: parts, stack_kwh: kwh }
}

function add(sum, bar) {
  const appliances = new Map(sum.appliances)
  for (const [name, part] of bar.appliances) {
    const had = appliances.get(name)
    appliances.set(name, { kwh: part.kwh + (had?.kwh ?? 0), cost: plus(part.cost, had?.cost), on_s: plus(part.on_s, had?.on_s) })
  }
  return {
    import_kwh: sum.import_kwh + bar.import_kwh, export_kwh: sum.export_kwh + bar.export_kwh,
    cost: plus(bar.cost, sum.cost), seconds: sum.seconds + bar.seconds, appliances,
  }
}

const plus = (a, b) => (a == null && b == null ? null : (a ?? 0) + (b ?? 0))

// How much more (or less) than before, in per cent; null where that says nothing.
export function change(now_kwh, before_kwh) {
  return before_kwh > 0.005 ? Math.round((now_kwh / before_kwh - 1) * 100) : null
}
