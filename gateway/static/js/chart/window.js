// The stretch of time that a chart shows: it follows the newest second until it is moved.

import { DAY_S } from '../store.js'

const LEAST_S = 30
const MOST_S = DAY_S

export class Window {
  constructor(span_s) {
    this.span_s = this.chosen_s = span_s
    this.to_s = null // null: follows
    this.now_s = 0
  }

  get end_s() {
    return this.to_s ?? this.now_s
  }

  get start_s() {
    return this.end_s - this.span_s
  }

  get following() {
    return this.to_s == null
  }

  get isWidest() {
    return this.span_s >= MOST_S
  }

  // Goes back to the newest second, with this span.
  follow(span_s = this.chosen_s) {
    this.span_s = this.chosen_s = span_s
    this.to_s = null
  }

  // Shows less (factor < 1) or more; `at_s` stays where it is, by itself the end that follows, or the middle.
  zoom(factor, at_s = this.following ? this.end_s : (this.start_s + this.end_s) / 2) {
    const span_s = Math.min(Math.max(this.span_s * factor, LEAST_S), MOST_S)
    const right_s = (this.end_s - at_s) * (span_s / this.span_s)
    this.span_s = span_s
    this.show(at_s + right_s)
  }

  pan(by_s) {
    this.show(this.end_s + by_s)
  }

  show(end_s) {
    const least_s = this.now_s - MOST_S + this.span_s
    this.to_s = end_s >= this.now_s ? null : Math.max(end_s, least_s)
  }
}
