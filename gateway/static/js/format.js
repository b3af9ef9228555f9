// Numbers and times as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' })
const dayClock = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })

const rounded = (number) => whole.format(Math.round(number) + 0) // + 0: never "-0"

export const watts = (power_w) => (power_w == null ? '–' : `${rounded(power_w)} W`)
export const bareWatts = (power_w) => rounded(power_w)
export const range = (low_w, high_w) => [rounded(low_w), watts(high_w)]
export const energy = (watt_s) => `${(watt_s / 3.6e6).toFixed(2)} kWh`
export const timeOfDay = (at_ms) => clock.format(at_ms)
export const minuteOfDay = (at_ms) => shortClock.format(at_ms)
export const weekdayTime = (at_ms) => dayClock.format(at_ms).replace(',', '')
export const weekdayOf = (at_ms) => weekday.format(at_ms)
export const axisPower = (power_w, most_w) => (power_w === 0 ? '0' : most_w >= 2000 ? `${+(power_w / 1000).toFixed(1)} kW` : `${power_w} W`)

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

// A moment: of today its time alone.
export const moment = (at_ms) => (new Date(at_ms).toDateString() === new Date().toDateString() ? minuteOfDay(at_ms) : dayAndTime.format(at_ms))
export const logTime = (at_ms) => `${new Date(at_ms).toDateString() === new Date().toDateString() ? '' : `${day.format(at_ms)} `}${timeOfDay(at_ms)}`
export const dayOf = (date) => day.format(new Date(`${date}T12:00:00`))

export const kilowattHours = (kwh) => `${Math.abs(kwh) < 9.995 ? kwh.toFixed(2) : Math.abs(kwh) < 99.95 ? kwh.toFixed(1) : rounded(kwh)} kWh`
export function money(amount, currency) {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(amount)
  } catch {
    return `${amount.toFixed(2)} ${currency}` // no code of three letters
  }
}
