/** For each shell, a small function that calls `termshim completion`. complete.ts finds the completions. */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function script(shell: Shell): string {
  return scripts[shell];
}

/**
 * Each function passes the words up to the cursor, the word at the cursor last. If a line of the answer begins with a
 * colon, it names the kind of paths that the shell completes itself.
 */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `# termshim: completion for bash
_termshim() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default ;;
      :dirs) compopt -o dirnames ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <(termshim completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _termshim termshim
`,
  zsh: `#compdef termshim
_termshim() {
  local line
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :files | :dirs)
        [[ $PREFIX == --*=* ]] && compset -P 1 '*='
        if [[ $line == :dirs ]]; then _files -/; else _files; fi
        return
        ;;
      *) candidates+=("$line") ;;
    esac
  done < <(termshim completion zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  _describe termshim candidates
}
# Loaded from $fpath it is called at once; by eval it is only registered.
if [[ $funcstack[1] == _termshim ]]; then _termshim "$@"; else compdef _termshim termshim; fi
`,
  fish: `# termshim: completion for fish
function __termshim_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (termshim completion fish -- $words[2..] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :dirs
                __fish_complete_directories "$current"
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c termshim -f -a '(__termshim_complete)'
`,
};
