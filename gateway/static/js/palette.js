// One colour for each appliance, the same for ever: known names have their slot, others find one by their name.
// The colours stand in colours.css, for light and dark.

const SLOTS = [
  'HeatPump', 'Dishwasher', 'WashingMachine', 'Dryer', 'Oven', 'Stove',
  'RangeHood', 'EVCharger', 'EVSocket', 'RainwaterPump',
]
const COUNT = 13

export function slotsOf(appliances) {
  const slots = new Map()
  const taken = new Set()
  for (const name of appliances) {
    if (SLOTS.includes(name)) slots.set(name, SLOTS.indexOf(name))
    taken.add(slots.get(name))
  }
  for (const name of appliances) {
    if (slots.has(name)) continue
    let slot = hash(name) % COUNT
    for (let tries = 0; taken.has(slot) && tries < COUNT; tries++) slot = (slot + 1) % COUNT
    slots.set(name, slot)
    taken.add(slot)
  }
  return slots
}

export const colourOf = (slot) => cssColour(`--series-${slot}`)

export function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function hash(text) {
  let h = 2166136261
  for (const letter of text) h = Math.imul(h ^ letter.codePointAt(0), 16777619) >>> 0
  return h
}
