// Drag, pinch, wheel and keys on a chart, as changes of its window.

const WHEEL = 0.0016
const CLICK_PX = 4

// `plotOf()`: {left, width}; `change(act)`: applies act(window), then draws; `point(x)`: the pointer is there, null: nowhere.
export function installGestures(box, view, { plotOf, change, point }, signal) {
  const pointers = new Map()
  let moved = 0
  const secondAt = (clientX) => {
    const plot = plotOf()
    return view.start_s + ((clientX - box.getBoundingClientRect().left - plot.left) / plot.width) * view.span_s
  }
  const perPixel = () => view.span_s / plotOf().width
  const listen = (name, listener, options) => box.addEventListener(name, listener, { signal, ...options })

  listen('pointerdown', (event) => {
    if (event.button) return
    pointers.set(event.pointerId, event.clientX)
    moved = 0
    box.setPointerCapture(event.pointerId)
  })
  listen('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return event.pointerType === 'mouse' && point(event.clientX)
    const before = [...pointers.values()]
    const by = event.clientX - pointers.get(event.pointerId)
    moved += Math.abs(by)
    if (pointers.size === 1 && moved < CLICK_PX) return
    pointers.set(event.pointerId, event.clientX)
    point(null)
    if (pointers.size === 1) return change(() => view.pan(-by * perPixel()))
    const after = [...pointers.values()]
    const middle_s = secondAt((before[0] + before[1]) / 2)
    const factor = Math.max(Math.abs(before[0] - before[1]), 8) / Math.max(Math.abs(after[0] - after[1]), 8)
    change(() => {
      view.zoom(factor, middle_s)
      view.pan(((before[0] + before[1]) / 2 - (after[0] + after[1]) / 2) * perPixel())
    })
  })
  const let_go = (event) => {
    if (!pointers.delete(event.pointerId)) return
    if (event.type === 'pointerup' && moved < CLICK_PX) point(event.clientX) // a tap, or a click
  }
  document.addEventListener('pointerdown', (event) => box.contains(event.target) || point(null), { signal })
  listen('pointerup', let_go)
  listen('pointercancel', let_go)
  listen('pointerleave', (event) => event.pointerType === 'mouse' && !pointers.size && point(null))
  listen('wheel', (event) => {
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)
    if (!sideways && event.deltaY > 0 && view.isWidest) return // nothing more to show: the page scrolls
    event.preventDefault()
    const unit = event.deltaMode === 1 ? 16 : 1
    if (sideways) change(() => view.pan((event.deltaX || event.deltaY) * unit * perPixel()))
    else change(() => view.zoom(Math.exp(event.deltaY * unit * WHEEL * (event.ctrlKey ? 4 : 1)), secondAt(event.clientX)))
  }, { passive: false })
  listen('keydown', (event) => {
    const act = KEYS[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    change(() => act(view), true)
  })
}

const KEYS = {
  ArrowLeft: (view) => view.pan(-view.span_s / 4),
  ArrowRight: (view) => view.pan(view.span_s / 4),
  PageUp: (view) => view.pan(-view.span_s),
  PageDown: (view) => view.pan(view.span_s),
  Home: (view) => view.show(-Infinity),
  End: (view) => view.show(Infinity),
  '+': (view) => view.zoom(0.5),
  '=': (view) => view.zoom(0.5),
  '-': (view) => view.zoom(2),
  0: (view) => view.follow(),
  Escape: (view) => view.follow(),
}
