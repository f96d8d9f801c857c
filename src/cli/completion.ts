/** Completion scripts for shells, made from what the commands declare. Pure: text in, text out. */

import { completeWord, type CompletedKind } from './complete.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What a running node is asked for by the scripts (complete.ts): the words of this kind. */
function asked(bin: string, kind: CompletedKind): string {
  return `${bin} ${completeWord} ${kind} 2>/dev/null`;
}

export interface Completable {
  /** Words of the command: `['token', 'create']`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** What its first argument is one of, where the node knows it. */
  readonly argument?: CompletedKind | undefined;
  readonly flags: readonly CompletableFlag[];
}

export interface CompletableFlag {
  readonly name: string;
  /** Its letter, if it has one: `n`. */
  readonly char?: string | undefined;
  /** The next word is its value. */
  readonly takesValue: boolean;
  readonly summary: string;
  readonly options: readonly string[];
  readonly kind?: CompletedKind | undefined;
}

/** The script that the shell evaluates. */
export function completionScript(shell: Shell, bin: string, commands: readonly Completable[]): string {
  const makers = { bash, zsh, fish };
  return makers[shell](bin, commands);
}

/** Every command, and every beginning of one: `token`, `token create`. */
function beginnings(commands: readonly Completable[]): string[] {
  const all = commands.flatMap(({ words }) => words.map((_, i) => words.slice(0, i + 1).join(' ')));
  return [...new Set(all)].sort();
}

/** Words that may follow each prefix of a command: '' → evio's own commands, 'token' → create, list, revoke. */
function nextWords(commands: readonly Completable[]): Map<string, Map<string, string>> {
  const out = new Map<string, Map<string, string>>();
  for (const { words, summary } of commands) {
    words.forEach((word, i) => {
      const prefix = words.slice(0, i).join(' ');
      const next = out.get(prefix) ?? new Map<string, string>();
      const last = i === words.length - 1;
      if (last || !next.has(word)) next.set(word, last ? summary : `${word} …`);
      out.set(prefix, next);
    });
  }
  return out;
}

/** As it is typed: `--network`, `-n`. */
function spellings({ name, char }: CompletableFlag): string[] {
  return char === undefined ? [`--${name}`] : [`--${name}`, `-${char}`];
}

/** Pattern of `case` in bash and zsh: the flag in one of its spellings behind its command. */
function behind(words: readonly string[], flag: CompletableFlag): string {
  return spellings(flag)
    .map((spelling) => quoted(`${words.join(' ')} ${spelling}`))
    .join(' | ');
}

/** The same for all flags whose value is the next word, which is then no argument. */
function valued(commands: readonly Completable[]): string {
  const patterns = commands.flatMap(({ words, flags }) =>
    flags.filter(({ takesValue }) => takesValue).map((flag) => behind(words, flag)),
  );
  return patterns.length === 0 ? "''" : patterns.join(' | ');
}

/** In single quotes for sh, bash, zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function bash(bin: string, commands: readonly Completable[]): string {
  const words = [...nextWords(commands)].map(
    ([prefix, next]) => `    ${quoted(prefix)}) words=${quoted([...next.keys()].join(' '))} ;;`,
  );
  const flags = commands.map(
    (c) =>
      `    ${quoted(c.words.join(' '))}) words=${quoted(['--help', ...c.flags.map((f) => `--${f.name}`)].join(' '))} ;;`,
  );
  const values = commands.flatMap((c) =>
    c.flags.flatMap((f) => {
      const at = `    ${behind(c.words, f)})`;
      if (f.options.length > 0) return `${at} words=${quoted(f.options.join(' '))} ;;`;
      return f.kind === undefined ? [] : `${at} words=$(${asked(bin, f.kind)}) ;;`;
    }),
  );
  const members = commands.flatMap(({ words: named, argument }) =>
    argument === undefined ? [] : `    ${quoted(named.join(' '))}) words=$(${asked(bin, argument)}) ;;`,
  );
  const known = beginnings(commands).map(quoted).join(' | ');
  return `# bash completion of ${bin}: eval "$(${bin} completion bash)"
_${bin}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= argument= word words= i
  # The longest beginning that is a command; what follows are its arguments.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$command $word" in
    ${valued(commands)}) i=$((i + 1)); continue ;;
    "$command -"*) continue ;;
    esac
    case "\${command:+$command }$word" in
    ${known}) command="\${command:+$command }$word" ;;
    *) argument=1; break ;;
    esac
  done
  case "$command $prev" in
${values.join('\n')}
  esac
  if [ -z "$words" ]; then case $cur in
  -*) case $command in
${flags.join('\n')}
    esac ;;
  *) [ -n "$argument" ] || case $command in
${[...words, ...members].join('\n')}
    esac ;;
  esac; fi
  # Not by compgen -W: it would run what a word says in $(…).
  local -a all
  read -r -d '' -a all <<< "$words"
  COMPREPLY=()
  for word in "\${all[@]}"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}
complete -o default -F _${bin} ${bin}
`;
}

function zsh(bin: string, commands: readonly Completable[]): string {
  const described = (word: string, text: string): string => quoted(`${word.replaceAll(':', '\\:')}:${text}`);
  const words = [...nextWords(commands)].map(
    ([prefix, next]) =>
      `    ${quoted(prefix)}) items=(${[...next].map(([word, text]) => described(word, text)).join(' ')}) ;;`,
  );
  const flags = commands.map(
    (c) =>
      `    ${quoted(c.words.join(' '))}) items=(${['help', ...c.flags.map((f) => f.name)]
        .map((name) => described(`--${name}`, c.flags.find((f) => f.name === name)?.summary ?? 'show help'))
        .join(' ')}) ;;`,
  );
  const lines = (kind: CompletedKind): string => `items=(\${(f)"$(${asked(bin, kind)})"})`;
  const members = commands.flatMap(({ words: named, argument }) =>
    argument === undefined ? [] : `    ${quoted(named.join(' '))}) ${lines(argument)} ;;`,
  );
  const values = commands.flatMap((c) =>
    c.flags.flatMap((f) => {
      const at = `    ${behind(c.words, f)})`;
      if (f.options.length > 0) return `${at} items=(${f.options.map(quoted).join(' ')}) ;;`;
      return f.kind === undefined ? [] : `${at} ${lines(f.kind)} ;;`;
    }),
  );
  const known = beginnings(commands).map(quoted).join(' | ');
  return `#compdef ${bin}
# zsh completion of ${bin}: eval "$(${bin} completion zsh)"
_${bin}() {
  local -a items
  local command= argument= word skip=
  for word in \${words[2,CURRENT-1]}; do
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$command $word" in
    ${valued(commands)}) skip=1; continue ;;
    "$command -"*) continue ;;
    esac
    case "\${command:+$command }$word" in
    ${known}) command="\${command:+$command }$word" ;;
    *) argument=1; break ;;
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  if (( $#items )); then
    :
  elif [[ $PREFIX == -* ]]; then
    case $command in
${flags.join('\n')}
    esac
  else
    case "$command$argument" in
${[...words, ...members].join('\n')}
    *) _files; return ;;
    esac
  fi
  _describe ${quoted(bin)} items
}
compdef _${bin} ${bin}
`;
}

function fish(bin: string, commands: readonly Completable[]): string {
  const at = (words: string): string => quoted(`__${bin}_at ${words}`);
  const lines = [
    `# fish completion of ${bin}: ${bin} completion fish | source`,
    // fish's own __fish_seen_subcommand_from takes "token revoke" for "revoke", too. It asks for every command: the line is read once.
    `# Whether the command typed so far is this one: the longest beginning that is a command; what follows are its arguments.
function __${bin}_at
    set -l line (commandline -opc)
    if test "$line" != "$__${bin}_line"
        set -g __${bin}_line $line
        set -g __${bin}_command
        for word in $line[2..-1]
            string match -q -- '-*' $word; and continue
            contains -- "$__${bin}_command$word" ${beginnings(commands).map(quoted).join(' ')}; or break
            set __${bin}_command "$__${bin}_command$word "
        end
    end
    test "$__${bin}_command" = "$argv "
end`,
    `complete -c ${bin} -f`,
  ];
  for (const [prefix, next] of nextWords(commands)) {
    const when = prefix === '' ? '__fish_use_subcommand' : at(prefix);
    for (const [word, text] of next)
      lines.push(`complete -c ${bin} -n ${when} -a ${quoted(word)} -d ${quoted(text)}`);
  }
  for (const { words, flags, argument } of commands) {
    const when = at(words.join(' '));
    if (argument !== undefined)
      lines.push(`complete -c ${bin} -n ${when} -a ${quoted(`(${asked(bin, argument)})`)}`);
    for (const flag of flags) {
      const offered = flag.kind === undefined ? flag.options.join(' ') : `(${asked(bin, flag.kind)})`;
      const values = offered === '' ? '' : ` -x -a ${quoted(offered)}`;
      const short = flag.char === undefined ? '' : ` -s ${flag.char}`;
      lines.push(`complete -c ${bin} -n ${when} -l ${flag.name}${short} -d ${quoted(flag.summary)}${values}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
