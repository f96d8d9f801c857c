import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Approve extends BaseCommand {
  static override summary = 'let in a machine that waits, or list those that do';
  static override description =
    'On an admin machine. Who joins by a token of "evio token create --approve" waits until an admin lets it in; in a network with "evio network set admit=2" everybody does, until two admins have. What waits reaches nobody meanwhile. Without an argument those that wait are listed, as far as the node here knows of them. A machine names itself: compare the id with what is shown there.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> web-1',
    '<%= config.bin %> <%= command.id %> 4f1c --deny --reason "not ours"',
  ];
  static override args = {
    peer: Args.string({ description: 'name, address or id of what waits, or the beginning of its id' }),
  };
  static override flags = {
    network: networkFlag,
    deny: Flags.boolean({ description: 'turn it away for good instead' }),
    reason: Flags.string({
      default: '',
      helpValue: 'TEXT',
      description: 'with --deny: what members and the machine are told, at most 128 characters',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Approve);
    const { peer } = args;
    if (peer === undefined) return this.#list(flags.network, flags.deny);
    const { amendHere } = await import('../cli/amend.js');
    const order = flags.deny
      ? ({ do: 'deny', peer, reason: flags.reason } as const)
      : ({ do: 'admit', peer } as const);
    const done = await amendHere(this.home(), flags.network, order, await this.env());
    this.say(flags.deny ? `Turned away ${peer} (${done.subject}).` : `Let in ${peer} (${done.subject}).`);
    await this.sayNotes(done);
    const { subject, serial, notes } = done;
    return { [flags.deny ? 'denied' : 'approved']: subject, serial, notes };
  }

  async #list(network: string | undefined, deny: boolean): Promise<object> {
    const { EvioError } = await import('../core/lib/errors.js');
    if (deny)
      throw new EvioError('EVIO_USAGE', '--deny needs the name or id of what waits.', ['evio approve']);
    const { ask } = await import('../core/control/client.js');
    const { waitingText } = await import('../views/text/waiting.js');
    const { waiting = [] } = await ask(this.home().controlSocket, 'status', { network });
    this.show(waitingText(waiting));
    return { waiting };
  }
}
