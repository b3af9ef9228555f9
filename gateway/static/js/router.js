// The address: #/view/part/part?name=value. It is the whole state of a view, so that it can be kept and sent.

export const VIEWS = ['live', 'appliances', 'history', 'system']
export const NEEDS_NO_BUILDING = ['system'] // it tells why there is none

// What an address says; an unknown view is the first.
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [view, ...parts] = path.split('/').filter(Boolean).map(decoded)
  const params = new URLSearchParams(query)
  return VIEWS.includes(view) ? { view, parts, params } : { view: VIEWS[0], parts: [], params: new URLSearchParams() }
}

// The address of a view, for a link's href; params that are null are left out.
export function address(view, parts = [], params = {}) {
  const said = Object.entries(params).filter(([, value]) => value != null && value !== '')
  const query = new URLSearchParams(said).toString()
  return `#/${[view, ...parts].map(encodeURIComponent).join('/')}${query && `?${query}`}`
}

// Goes to an address; `replace` leaves no step for the back button.
export function go(hash, { replace = false } = {}) {
  if (hash === location.hash) return
  if (replace) history.replaceState(null, '', hash)
  else history.pushState(null, '', hash)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
