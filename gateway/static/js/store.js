// The last hour as the page knows it: seconds in order, each with mains, appliances and other.

const HOUR_S = 3600

export class Store {
  constructor() {
    this.appliances = [] // names, in the order shown
    this.at_s = []
    this.mains_w = []
    this.other_w = []
    this.power_w = new Map() // appliance -> array beside at_s
    this.now = null // the newest event, whole
  }

  // The answers of /analytics/readings and /analytics/predictions in the layout "columns".
  fill(readings, predictions) {
    const at = new Map(predictions.at_ms.map((at_ms, i) => [at_ms, i]))
    this.know(Object.keys(predictions.appliances))
    readings.at_ms.forEach((at_ms, i) => {
      const p = at.get(at_ms)
      this.append(at_ms / 1000, readings.power_w[i], p == null ? null : predictions.other_w[p],
        (name) => (p == null ? null : predictions.appliances[name][p]))
    })
  }

  // One event of the stream.
  add(event) {
    this.know(Object.keys(event.appliances))
    this.append(event.at_ms / 1000, event.power_w, event.other_w, (name) => event.appliances[name]?.power_w ?? null)
    this.now = event
  }

  get newest_ms() {
    return this.at_s.length ? this.at_s.at(-1) * 1000 : null
  }

  // The newest second that has its predictions.
  get split_ms() {
    const i = this.other_w.findLastIndex((watt) => watt != null)
    return i < 0 ? null : this.at_s[i] * 1000
  }

  know(names) {
    for (const name of names) {
      if (this.power_w.has(name)) continue
      this.power_w.set(name, this.at_s.map(() => null))
      this.appliances.push(name)
    }
  }

  append(at_s, mains_w, other_w, powerOf) {
    let i = this.at_s.length
    while (i > 0 && this.at_s[i - 1] >= at_s) i--
    if (i < this.at_s.length && this.at_s[i] !== at_s) return // between known seconds: too late for the chart
    this.at_s[i] = at_s // a known second gets its predictions now
    this.mains_w[i] = mains_w
    this.other_w[i] = other_w
    for (const [name, values] of this.power_w) values[i] = powerOf(name)
    while (this.at_s.length > HOUR_S + 1) {
      for (const values of [this.at_s, this.mains_w, this.other_w, ...this.power_w.values()]) values.shift()
    }
  }
}
