import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Why extends BaseCommand {
  static override summary = 'explain the path to a peer';
  static override description =
    'Shows the addresses that were tried on both sides, what happened in which order, and what would make the path direct. Asks the machine of the peer, too, at TCP port 9 (and 22 where that is silent), whether anything but its node answers.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> web-1',
    '<%= config.bin %> <%= command.id %> 10.144.0.7 --json',
    '<%= config.bin %> <%= command.id %> web-1 --from db-1',
  ];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = {
    network: networkFlag,
    from: Flags.string({
      helpValue: 'MEMBER',
      description: 'the decision log that this member has of the peer, as it tells it over the network',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Why);
    const { ask } = await import('../core/control/client.js');
    const { logText, whyText } = await import('../views/text/why.js');
    if (flags.from !== undefined) {
      const asked = { network: flags.network, by: flags.from, about: args.peer };
      const told = await ask(this.home().controlSocket, 'recall', asked);
      this.print(told.log.length === 0 ? 'It decided nothing yet.\n' : logText(told.log));
      return told;
    }
    const { network } = flags;
    const told = await ask(this.home().controlSocket, 'why', { network, peer: args.peer });
    const { askMachineOf, silentMachineAdvice } = await import('../cli/ask-machine.js');
    const machine = told.path === null ? null : await askMachineOf(this.home(), network, told.peer);
    const silent = machine === 'silent' ? [silentMachineAdvice(args.peer)] : [];
    const result = { ...told, machine, advice: [...silent, ...told.advice] };
    this.show(whyText({ ...result, peer: args.peer }));
    return result;
  }
}
