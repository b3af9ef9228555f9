// Shows the view that the address names, and leaves the one before. docs/architecture.md says how to add a view.

import { h } from './dom.js'
import { NEEDS_NO_BUILDING, parse } from './router.js'
import { strings } from './strings.js'

const titleOf = (view) => strings[`view${view[0].toUpperCase()}${view.slice(1)}`]
const styled = new Map()

export class Shell {
  // `contextFor(signal)`: what a view is given beside its address; null while there is no building to show.
  constructor(container, nav, contextFor) {
    Object.assign(this, { container, nav, contextFor, here: null, failed: false, turns: 0 })
    addEventListener('hashchange', () => this.opened && this.turn(true))
  }

  // Begins to follow the address, or shows its view anew: for another building, another caller.
  open() {
    this.opened = true
    this.nav.hidden = false
    return this.turn(false, true)
  }

  // Nothing of a view stays, until open.
  close() {
    this.opened = false
    this.nav.hidden = true
    this.leave()
  }

  leave() {
    this.turns++ // whatever still loads comes too late
    this.here?.shown.leave?.()
    this.here?.ended.abort()
    this.here = null
    this.container.replaceChildren()
  }

  async turn(byUser, anew = false) {
    const to = parse(location.hash)
    if (!anew && this.here?.view === to.view && this.here.shown.moved) return this.here.shown.moved(to)
    this.leave()
    const turn = this.turns
    this.mark(to.view)
    const ended = new AbortController()
    const context = this.contextFor(ended.signal)
    if (context.building == null && !NEEDS_NO_BUILDING.includes(to.view)) return this.showEmpty(byUser)
    let module
    try {
      [module] = await Promise.all([import(`./views/${to.view}.js`), style(to.view)])
      this.failed = false
    } catch {
      if (turn === this.turns) this.showFailed()
      return
    }
    if (turn !== this.turns) return
    const shown = module.show(this.container, { ...context, ...to }) ?? {}
    this.here = { view: to.view, shown: typeof shown === 'function' ? { leave: shown } : shown, ended }
    if (byUser) this.arrive()
  }

  // The heading is where a reader goes on after following a link.
  arrive() {
    scrollTo(0, 0)
    const heading = this.container.querySelector('h1') ?? this.container
    heading.tabIndex = -1
    heading.focus({ preventScroll: true })
  }

  mark(view) {
    for (const [name, { link }] of styled) if (link.sheet) link.sheet.disabled = name !== view
    document.title = `${titleOf(view)} · nilm-edge`
    document.body.dataset.view = view
    for (const link of this.nav.querySelectorAll('a')) {
      if (link.dataset.view === view) link.setAttribute('aria-current', 'page')
      else link.removeAttribute('aria-current')
    }
  }

  showEmpty(byUser) {
    const steps = [strings.emptyStep1, strings.emptyStep2, strings.emptyStep3]
    this.container.replaceChildren(h('section', { id: 'empty', class: 'empty' },
      h('h1', {}, strings.emptyTitle), h('p', {}, strings.emptyBody),
      h('ol', {}, ...steps.map((step) => h('li', {}, step))), h('p', { class: 'note' }, strings.emptyWait)))
    if (byUser) this.arrive()
  }

  showFailed() {
    this.failed = true
    this.container.replaceChildren(h('section', { class: 'empty' }, h('p', { role: 'alert' }, strings.viewFailed)))
  }
}

// A view's own style sheet, loaded once, and in force only while the view is shown.
function style(view) {
  if (!styled.has(view)) {
    const link = h('link', { rel: 'stylesheet', href: `/assets/css/${view}.css` })
    const ready = new Promise((resolve, reject) => {
      link.onload = resolve
      link.onerror = () => { styled.delete(view); link.remove(); reject(new Error(link.href)) }
    })
    styled.set(view, { link, ready })
    document.head.append(link)
  }
  return styled.get(view).ready
}
