import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { ExitStatus } from '../core/lib/errors.js';

export default class Doctor extends BaseCommand {
  static override summary = 'check whether this machine can run evio, and how well';
  static override description =
    'Looks at privilege, the TUN device, native code, UDP, the kind of NAT, each relay of the networks here, clock, MTU and names. Works without any network, too. Exit status 1 when a check fails.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --relay relay.example.org:3478 --json',
  ];

  static override flags = {
    relay: Flags.string({
      multiple: true,
      helpValue: 'URL|HOST:PORT',
      description: 'relay to check [default: those of the networks here]; repeatable',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Doctor);
    const { examine } = await import('../core/doctor/doctor.js');
    const { doctorText } = await import('../views/text/doctor.js');
    const { runningProcess } = await import('../cli/run-detached.js');
    const home = this.home();
    const report = await examine({
      home,
      relays: flags.relay ?? [],
      running: await runningProcess(home).catch(() => undefined),
    });
    this.show(doctorText(report));
    if (report.verdict === 'fail') process.exitCode = ExitStatus.failed;
    return report;
  }
}
