import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { durationFlag, networkFlag } from '../cli/flags.js';

export default class Status extends BaseCommand {
  static override summary = 'show the node of this machine';
  static override description =
    'Tells the interface, traffic, relays, NAT, and links on the ring. With --watch it stays and shows changes: a live view at a terminal (r shows the ring, arrow keys and Enter one peer, q ends), one report per interval elsewhere (with --json one object a line).';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --watch',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  static override flags = {
    network: networkFlag,
    watch: Flags.boolean({ char: 'w', description: 'stay and show changes' }),
    interval: durationFlag({
      default: 1000,
      defaultHelp: async () => '1s',
      description: 'with --watch: time between reports',
    }),
  };

  async run(): Promise<object | undefined> {
    const { flags } = await this.parse(Status);
    const { ask } = await import('../core/control/client.js');
    const home = this.home();
    if (!flags.watch) {
      const status = await ask(home.controlSocket, 'status', { network: flags.network });
      const { statusText } = await import('../views/text/status.js');
      this.show(statusText(status));
      return status;
    }
    if (this.mayDraw()) {
      const { watchStatus } = await import('../views/watch-status.js');
      const { asTyped } = await import('../cli/program-name.js');
      await watchStatus({
        path: home.controlSocket,
        network: flags.network,
        intervalMs: flags.interval,
        worded: (text) => asTyped(text),
      });
      return undefined;
    }
    const { followStatus } = await import('../cli/follow-status.js');
    const { statusText } = await import('../views/text/status.js');
    await followStatus(home, flags.network, flags.interval, (status) => {
      if (this.jsonEnabled()) this.emit({ event: 'status', ...status });
      else this.show(`${statusText(status)}\n`);
    });
    return undefined;
  }
}
