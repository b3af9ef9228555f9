// The button between light and dark; until it is used, the system's choice counts. Drawings listen for `theme`.

import { strings } from './strings.js'

const system = matchMedia('(prefers-color-scheme: dark)')
const root = document.documentElement

const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches)

export function installTheme(button) {
  const label = () => {
    button.title = isDark() ? strings.toLight : strings.toDark
    button.setAttribute('aria-label', button.title)
  }
  const onChange = () => document.dispatchEvent(new Event('theme'))
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark'
    localStorage.setItem('theme', root.dataset.theme)
    label()
    onChange()
  })
  system.addEventListener('change', () => { label(); onChange() })
  label()
}
