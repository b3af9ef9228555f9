// Days, weeks, months and years of the calendar, as dates like 2026-11-21. No clock, no zone: those are the gateway's.

export const KINDS = ['day', 'week', 'month', 'year']
export const STEP = { day: 'hour', week: 'day', month: 'day', year: 'month' } // what a bar is

const DAY_MS = 86_400_000
const at = (date) => new Date(`${date}T00:00:00Z`)
const dateOf = (time) => time.toISOString().slice(0, 10)
const monthOf = (time, by) => dateOf(new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + by, 1)))

export const isDate = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? '') && !Number.isNaN(at(text).getTime()) && dateOf(at(text)) === text

export const addDays = (date, days) => dateOf(new Date(at(date).getTime() + days * DAY_MS))

// The period of this kind that a date lies in: from `start` until before `end`.
export function periodOf(kind, date) {
  const time = at(date)
  if (kind === 'day') return { kind, start: date, end: addDays(date, 1) }
  if (kind === 'week') {
    const start = addDays(date, -((time.getUTCDay() + 6) % 7))
    return { kind, start, end: addDays(start, 7) }
  }
  if (kind === 'month') return { kind, start: monthOf(time, 0), end: monthOf(time, 1) }
  const year = time.getUTCFullYear()
  return { kind, start: `${year}-01-01`, end: `${year + 1}-01-01` }
}

export const before = (period) => periodOf(period.kind, addDays(period.start, -1))
export const after = (period) => periodOf(period.kind, period.end)

const formats = new Map()
function say(date, options) {
  const key = JSON.stringify(options)
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }))
  return formats.get(key).format(at(date))
}

// A period as people say it.
export function nameOfPeriod({ kind, start, end }) {
  if (kind === 'day') return say(start, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
  if (kind === 'month') return say(start, { month: 'long', year: 'numeric' })
  if (kind === 'year') return start.slice(0, 4)
  const last = addDays(end, -1)
  const sameMonth = start.slice(0, 7) === last.slice(0, 7)
  return `${say(start, sameMonth ? { day: 'numeric' } : { day: 'numeric', month: 'short' })} – ${say(last, { day: 'numeric', month: 'short', year: 'numeric' })}`
}

// A bar of a period: `start` is a date, or of an hour a time.
export function barName(kind, start, narrow) {
  if (kind === 'day') return start.slice(11, 16)
  if (kind === 'week') return say(start, { weekday: 'short', ...(narrow ? {} : { day: 'numeric' }) })
  if (kind === 'month') return String(Number(start.slice(8)))
  return say(start, { month: 'short' })
}

export function barTitle(kind, start) {
  if (kind === 'day') return start.slice(11, 16)
  if (kind === 'year') return say(start, { month: 'long', year: 'numeric' })
  return say(start, { weekday: 'long', day: 'numeric', month: 'long' })
}
