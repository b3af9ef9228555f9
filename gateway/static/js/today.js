// Which day it is in the building: by the gateway where it has said so, else by this machine.

const DAY_MS = 86400000

export function todayOf(box) {
  const system = box.known
  if (system) return { date: system.today, from_ms: system.today_from_ms, now_ms: system.at_ms }
  const here = new Date()
  const midnight = new Date(here.getFullYear(), here.getMonth(), here.getDate())
  const date = new Date(midnight.getTime() - midnight.getTimezoneOffset() * 60000).toISOString().slice(0, 10)
  return { date, from_ms: midnight.getTime(), now_ms: here.getTime() }
}

// The last `n` days, newest first, each from midnight to midnight on the wall.
export function lastDays({ from_ms }, n) {
  const begin = (back) => {
    const day = new Date(from_ms)
    day.setDate(day.getDate() - back)
    return day.getTime()
  }
  return Array.from({ length: n }, (_, back) => ({ from_ms: begin(back), to_ms: back === 0 ? from_ms + DAY_MS : begin(back - 1) }))
}
