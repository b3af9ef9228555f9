// What was used today, this week and this month, of all series of a building: one question, remembered for a minute.

const KEPT_MS = 60000
let kept = null

// Days by series name ('' is mains): { days: [{ date, kwh, cost, on_s }], currency, today }.
export function used(get, building, today) {
  const now = performance.now()
  if (kept?.building !== building || kept.today !== today || now - kept.at > KEPT_MS) {
    kept = { building, today, at: now, found: load(get, building, today) }
    const mine = kept
    kept.found.catch(() => { if (kept === mine) kept = null })
  }
  return kept.found
}

async function load(get, building, today) {
  const start = [monday(today), `${today.slice(0, 8)}01`].sort()[0]
  const said = await get('/analytics/energy', { building_id: building, start, step: 'day' })
  const series = {}
  const add = (name, period, one) => {
    if (one) (series[name] ??= []).push({ date: period.start, kwh: one.kwh ?? one.import_kwh, cost: one.cost, on_s: one.on_s })
  }
  for (const period of said.periods) {
    add('', period, period.mains)
    add('other', period, period.other)
    for (const [name, one] of Object.entries(period.appliances)) add(name, period, one)
  }
  return { series, currency: said.currency, today }
}

// Sums since a date; cost is null where there is no price.
export function since(days, date) {
  const mine = (days ?? []).filter((day) => day.date >= date)
  const sum = (name) => mine.reduce((total, day) => total + (day[name] ?? 0), 0)
  return { kwh: sum('kwh'), cost: mine.some((day) => day.cost != null) ? sum('cost') : null, on_s: sum('on_s') }
}

export function monday(today) {
  const day = new Date(`${today}T12:00:00Z`)
  day.setUTCDate(day.getUTCDate() - (day.getUTCDay() + 6) % 7)
  return day.toISOString().slice(0, 10)
}
