import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base.js';
import type { CompletedKind } from '../cli/complete.js';
import { completionScript, shells, type Shell } from '../cli/completion.js';

/** What the value of a flag is one of, by how help shows it. */
const flagKinds: Readonly<Record<string, CompletedKind>> = { NETWORK: 'networks', PEER: 'peers' };

/** What the first argument of a command is one of. */
function kindOf(id: string, argument: { readonly name: string } | undefined): CompletedKind | undefined {
  if (argument?.name === 'peer') return 'peers';
  return id === 'token:revoke' ? 'tokens' : undefined;
}

export default class Completion extends BaseCommand {
  static override summary = 'print a completion script for your shell';
  static override description =
    'Have your shell evaluate it at start-up: for bash add eval "$(evio completion bash)" to ~/.bashrc, for zsh eval "$(evio completion zsh)" to ~/.zshrc after compinit; for fish write it to ~/.config/fish/completions/evio.fish.';

  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %> bash)"',
    '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/evio.fish',
  ];
  static override args = {
    shell: Args.string({ description: 'bash, zsh or fish', required: true, options: [...shells] }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(Completion);
    const commands = this.config.commands
      .filter((command) => !command.hidden)
      .map((command) => ({
        words: command.id.split(':'),
        summary: command.summary ?? '',
        argument: kindOf(command.id, Object.values(command.args)[0]),
        flags: Object.values(command.flags).map((flag) => ({
          name: flag.name,
          char: flag.char,
          takesValue: flag.type === 'option',
          summary: flag.description ?? '',
          options: flag.type === 'option' ? (flag.options ?? []) : [],
          kind: flag.type === 'option' ? flagKinds[flag.helpValue as string] : undefined,
        })),
      }))
      .sort((a, b) => a.words.join(' ').localeCompare(b.words.join(' ')));
    const script = completionScript(args.shell as Shell, this.config.bin, commands);
    this.print(script);
    return { shell: args.shell, script };
  }
}
