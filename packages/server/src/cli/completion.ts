import { GLOBAL_OPTIONS } from './global-options.ts'
import type { CommandSpec, OptionSpec } from './types.ts'

/** The shells that completion scripts are made for. */
export type Shell = 'bash' | 'zsh' | 'fish'

/** A static completion script: it contacts no server and starts no process, so that it never makes a prompt wait. */
export function renderCompletion(shell: Shell, commands: readonly CommandSpec[]): string {
  return { bash: renderBash, zsh: renderZsh, fish: renderFish }[shell](commands)
}

function nounsOf(commands: readonly CommandSpec[]): readonly string[] {
  return [...new Set(commands.map((command) => command.path[0]))]
}

function verbsOf(noun: string, commands: readonly CommandSpec[]): readonly string[] {
  return commands.flatMap((command) => (command.path[0] === noun && command.path[1] ? [command.path[1]] : []))
}

function flagsOf(options: readonly OptionSpec[]): readonly string[] {
  return options.flatMap((option) => [`--${option.name}`, ...(option.short === undefined ? [] : [`-${option.short}`])])
}

// One function for all: the words of the line that are no flags give the path, and the path the candidates.
function renderBash(commands: readonly CommandSpec[]): string {
  return `# countersign completion for bash: source <(countersign completion bash)
_countersign() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path= index skip=
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ -n $skip ]]; then skip=; continue; fi
    case \${COMP_WORDS[index]} in
      ${valueFlags(commands).join('|')}) skip=1 ;;
      -*) ;;
      *) path="\${path:+$path }\${COMP_WORDS[index]}" ;;
    esac
  done
  COMPREPLY=()
  case $before in
${choiceCases(commands)}
    ${valueFlags(commands).join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  local words=
  case $path in
    '') words='${[...nounsOf(commands), 'help'].join(' ')}' ;;
${nounCases(commands)}
  esac
  if [[ $word == -* ]]; then words='${flagsOf(GLOBAL_OPTIONS).join(' ')}'
    case $path in
${flagCases(commands)}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ \${#COMPREPLY[@]} -eq 0 && $word != -* ]]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _countersign countersign
`
}

function valueFlags(commands: readonly CommandSpec[]): readonly string[] {
  const options = [...GLOBAL_OPTIONS, ...commands.flatMap((command) => command.options ?? [])]
  return [...new Set(flagsOf(options.filter((option) => option.value !== undefined)))]
}

function choiceCases(commands: readonly CommandSpec[]): string {
  const options = new Map(
    [...GLOBAL_OPTIONS, ...commands.flatMap((command) => command.options ?? [])].map((option) => [option.name, option]),
  )
  return [...options.values()]
    .flatMap((option) =>
      option.choices
        ? [
            `    ${flagsOf([option]).join('|')}) COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$word")); return ;;`,
          ]
        : [],
    )
    .join('\n')
}

function nounCases(commands: readonly CommandSpec[]): string {
  const cases = nounsOf(commands).flatMap((noun) => {
    const verbs = verbsOf(noun, commands)
    return verbs.length > 0 ? [`    '${noun}'|'help ${noun}') words='${verbs.join(' ')}' ;;`] : []
  })
  const choices = commands.flatMap((command) => {
    const values = command.arguments?.[0]?.choices
    return values ? [`    '${command.path.join(' ')}') words='${values.join(' ')}' ;;`] : []
  })
  return [`    'help') words='${[...nounsOf(commands), 'flags'].join(' ')}' ;;`, ...cases, ...choices].join('\n')
}

function flagCases(commands: readonly CommandSpec[]): string {
  return commands
    .flatMap((command) => {
      const flags = flagsOf(command.options ?? [])
      return flags.length > 0 ? [`      '${command.path.join(' ')}'*) words="$words ${flags.join(' ')}" ;;`] : []
    })
    .join('\n')
}

// zsh runs bash completion functions unchanged; one script to keep right instead of two.
function renderZsh(commands: readonly CommandSpec[]): string {
  const lines = renderBash(commands).split('\n').slice(1)
  return `# countersign completion for zsh: source <(countersign completion zsh)
autoload -U +X bashcompinit && bashcompinit
${lines.join('\n')}`
}

function renderFish(commands: readonly CommandSpec[]): string {
  const lines = [
    '# countersign completion for fish: countersign completion fish | source',
    'complete -c countersign -f',
  ]
  for (const noun of nounsOf(commands)) {
    const single = commands.find((command) => command.path[0] === noun && command.path.length === 1)
    const text = single?.summary ?? verbsOf(noun, commands).join(' ')
    lines.push(`complete -c countersign -n __fish_use_subcommand -a ${noun} -d ${quote(text)}`)
  }
  for (const command of commands) {
    const [noun, verb] = command.path
    if (verb !== undefined) {
      const unchosen = `__fish_seen_subcommand_from ${noun}; and not __fish_seen_subcommand_from ${verbsOf(noun, commands).join(' ')}`
      lines.push(`complete -c countersign -n ${quote(unchosen)} -a ${verb} -d ${quote(command.summary)}`)
    }
    const within = command.path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    const choices = command.arguments?.[0]?.choices
    if (choices) lines.push(`complete -c countersign -n ${quote(within)} -a ${quote(choices.join(' '))}`)
    for (const option of command.options ?? []) lines.push(fishOption(option, ` -n ${quote(within)}`))
  }
  for (const option of GLOBAL_OPTIONS) lines.push(fishOption(option, ''))
  return `${lines.join('\n')}\n`
}

function fishOption(option: OptionSpec, condition: string): string {
  const short = option.short === undefined ? '' : ` -s ${option.short}`
  const value =
    option.value === undefined ? '' : option.choices ? ` -x -a ${quote(option.choices.join(' '))}` : ' -r -F'
  return `complete -c countersign${condition} -l ${option.name}${short}${value} -d ${quote(option.summary)}`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
