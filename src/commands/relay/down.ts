import { BaseCommand } from '../../cli/base.js';

export default class RelayDown extends BaseCommand {
  static override summary = 'stop the relay of this machine';
  static override description =
    'Ends the relay that runs with this state folder, in the background or not, and returns once it has gone.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    await this.parse(RelayDown);
    const { stopRelay } = await import('../../cli/relay-detached.js');
    const pid = await stopRelay(this.relayHome());
    this.say(`Stopped the relay (process ${pid}).`);
    return { stopped: pid };
  }
}
