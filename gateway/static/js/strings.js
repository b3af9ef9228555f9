// The texts that all views share. To translate the page, translate this file and those in strings/, one for each view.

export const strings = {
  skip: 'Skip to the content',
  views: 'Views',
  viewLive: 'Live',
  viewAppliances: 'Appliances',
  viewHistory: 'History',
  viewSystem: 'System',
  viewFailed: 'This view could not be loaded: nilm-edge does not answer. It is tried again as soon as the connection is back.',
  building: 'Building',
  other: 'Other',
  total: 'Total',
  on: 'on',
  off: 'off',
  toDark: 'Dark colours',
  toLight: 'Light colours',
  emptyTitle: 'Waiting for the first sample',
  emptyBody: 'nilm-edge runs, but no reading of a meter has come yet.',
  emptyStep1: 'Is the meter switched on, and does it send to this machine’s MQTT broker?',
  emptyStep2: 'Does the topic under [[meters]] in the configuration match the one the meter sends to? “nilm-edge config” prints it.',
  emptyStep3: '“nilm-edge status” says which service runs and what it counts.',
  emptyWait: 'This page fills by itself as soon as a sample comes.',
  starting: 'Loading',
  live: 'Live',
  stale: (s) => `No sample for ${duration(s)}`,
  waiting: 'Waiting for a sample',
  unsplit: (s) => `No split for ${duration(s)}`,
  lost: 'Connection lost',
  partial: 'Some appliances',
  login: 'Not logged in',
  logInTitle: 'Log in to see this home',
  logInName: 'Name',
  logInPassword: 'Password',
  logInToken: 'Access token',
  logIn: 'Log in',
  logOut: (name) => `Log out ${name}`,
  logInFailed: 'nilm-edge does not answer. Try again in a moment.',
  noAccount: 'There is no account on this box yet. Whoever runs it makes one there with: nilm-edge user add NAME',
  redis: 'Data store down',
  andMore: (n) => `And ${n} more: see System`,
  names: {
    HeatPump: 'Heat pump', Dishwasher: 'Dishwasher', WashingMachine: 'Washing machine', Dryer: 'Dryer', Oven: 'Oven',
    Stove: 'Stove', RangeHood: 'Range hood', EVCharger: 'EV charger', EVSocket: 'EV socket', RainwaterPump: 'Rainwater pump',
  },
}

export function nameOf(appliance) {
  return strings.names[appliance] ?? appliance.replace(/[_-]+/g, ' ').replace(/([a-z])([A-Z])/g, '$1 $2')
}

export function fillTexts() {
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = strings[element.dataset.text]
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', strings[element.dataset.label])
}

// A time that has passed, in one unit.
export function duration(seconds) {
  const s = Math.round(seconds)
  if (s < 120) return `${s} s`
  if (s < 7200) return `${Math.floor(s / 60)} min`
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`
}
