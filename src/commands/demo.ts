import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { EvioError, ExitStatus } from '../core/lib/errors.js';

export default class Demo extends BaseCommand {
  static override summary = 'show the whole system on this machine';
  static override description =
    'Builds a small internet from network namespaces, with a relay and machines behind different kinds of NAT, joins them with real evio processes, sends traffic through them, sums up, and removes everything. Needs root, nftables and iperf3. Exit status 1 when a pair did not connect.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --nodes 5 --keep',
    'sudo <%= config.bin %> <%= command.id %> --json',
  ];

  static override flags = {
    nodes: Flags.integer({ default: 3, min: 2, max: 24, helpValue: 'N', description: 'how many machines' }),
    keep: Flags.boolean({ description: 'leave it standing after the summary, until Ctrl-C' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Demo);
    const { runDemo } = await import('../lab/demo.js');
    const { demoLine, demoText } = await import('../views/text/demo.js');
    const { interruptible } = await import('../core/process/signals.js');
    const { signal, release } = interruptible(
      () =>
        new EvioError('EVIO_LAB', 'The demo was interrupted; what it had made is removed.', [
          'See it to its end, or leave it standing with --keep.',
        ]),
    );
    const view = this.mayDraw() ? (await import('../views/demo-view.js')).drawDemo() : undefined;
    try {
      const result = await runDemo({
        nodes: flags.nodes,
        keep: flags.keep,
        signal,
        onEvent: (event) => {
          if (view) view.show(event);
          else {
            const line = demoLine(event);
            if (line !== undefined) this.say(line);
          }
        },
      });
      view?.close();
      this.show(demoText(result));
      if (!result.ok) process.exitCode = ExitStatus.failed;
      return result;
    } finally {
      view?.close();
      release();
    }
  }
}
