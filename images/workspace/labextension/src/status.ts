/**
 * The one poller that every part of the extension reads; nothing else asks the server.
 *
 * It looks every 30 s, every 10 s while a warning is due or there is no answer, never while the
 * page is hidden, and at once when it is seen again.
 */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

const CALM_MS = 30_000;
const CLOSE_MS = 10_000;
const SOON_MS = 1_000;
const TIMEOUT_MS = 15_000;
/** Failures shorter than this are a blip of the network or of the proxy: nobody is told. */
const PATIENCE_MS = 20_000;
/** The hub looks at idle servers now and then, so the last look may fall short by this much. */
const SLACK_SECONDS = 60;

export interface IGpu {
  name: string;
  label: string;
  /** Bytes; null where the device does not tell. */
  memory_used: number | null;
  memory_total: number | null;
  /** Between 0 and 1; null where the device does not tell. */
  utilisation: number | null;
}

export interface IMemory {
  /** Bytes; null where the machine does not tell. */
  used: number | null;
  limit: number | null;
  /** Processes that the limit has ended since the server started. */
  kills: number | null;
}

export interface IPerson {
  login: string;
  name: string;
}

/** The answer of GET cohort/status. */
export interface IStatus {
  kind: 'desk' | 'team' | 'course';
  team: string;
  busy: boolean;
  idle_seconds: number;
  /** null: this server is never stopped for being idle. */
  stop_after_seconds: number | null;
  warn_seconds: number;
  memory: IMemory;
  gpus: IGpu[];
  who: IPerson[];
}

/**
 * What the last look found: `stopped` is the hub's own word, `unreachable` is no sensible
 * answer for a while, `forbidden` is a membership that is no more, `stale` is a page from
 * before a log-out or a restart of the server: only a reload mends it.
 */
export type Reach = 'ok' | 'stopped' | 'unreachable' | 'forbidden' | 'stale';

/** Seconds until the idle stop, or null when no warning is due. */
export function secondsLeft(status: IStatus): number | null {
  if (status.busy || status.stop_after_seconds === null) {
    return null;
  }
  const left = status.stop_after_seconds - status.idle_seconds;
  return left <= status.warn_seconds ? left : null;
}

export class StatusPoller {
  constructor(settings: ServerConnection.ISettings) {
    this._settings = settings;
    this._poll = new Poll({
      auto: false,
      factory: () => this._look(),
      frequency: { interval: CALM_MS, backoff: false },
      linger: 0,
      name: 'cohort-lab:status',
      standby: 'when-hidden'
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this._present) {
        void this._poll.refresh();
      }
    });
  }

  /** Emitted after every look. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last good answer, or null before the first. */
  get status(): IStatus | null {
    return this._status;
  }

  get reach(): Reach {
    return this._reach;
  }

  /** False in an image without the lab's server extension: there is nothing to watch. */
  get present(): boolean {
    return this._present;
  }

  /** Whether the server, now gone, had been idle for as long as the lab allows. */
  get wasIdle(): boolean {
    const last = this._status;
    if (!last || last.stop_after_seconds === null) {
      return false;
    }
    const since = (Date.now() - this._answeredAt) / 1000;
    const idle = (last.busy ? 0 : last.idle_seconds) + since;
    return idle >= last.stop_after_seconds - SLACK_SECONDS;
  }

  start(): void {
    void this._poll.start();
  }

  /** Look now. */
  async refresh(): Promise<void> {
    if (this._present) {
      await this._poll.refresh();
    }
  }

  /** Reset the server's idle clock; rejects if the server does not agree. */
  async keep(): Promise<void> {
    const response = await this._request('keep', { method: 'POST' });
    if (!response.ok) {
      throw new ServerConnection.ResponseError(response);
    }
    await this.refresh();
  }

  private async _look(): Promise<void> {
    try {
      const response = await this._request('status', {});
      if (response.ok) {
        this._succeed((await response.json()) as IStatus);
      } else {
        await this._fail(response.status);
      }
    } catch {
      // No network, no answer in time, or a log-in page in place of JSON.
      await this._fail(0);
    }
    const interval = this._interval();
    this._poll.frequency = { ...this._poll.frequency, interval };
    this._changed.emit();
  }

  private _interval(): number {
    if (this._reach !== 'ok' || !this._status) {
      return this._reach === 'unreachable' ? CLOSE_MS : CALM_MS;
    }
    if (this._failingSince !== null || secondsLeft(this._status) !== null) {
      return CLOSE_MS;
    }
    const { busy, idle_seconds, stop_after_seconds, warn_seconds } = this._status;
    if (busy || stop_after_seconds === null) {
      return CALM_MS;
    }
    // In time for the warning, which may be shorter than the calm between two looks.
    const due = (stop_after_seconds - warn_seconds - idle_seconds) * 1000;
    return Math.min(Math.max(due, SOON_MS), CALM_MS);
  }

  private _succeed(status: IStatus): void {
    this._status = status;
    this._answeredAt = Date.now();
    this._failingSince = null;
    // Only a silence ends by itself. After a stop this is another process than the one the page
    // was made by: its kernels are gone, and its shared documents take no edits from this page.
    const silence = this._reach === 'ok' || this._reach === 'unreachable';
    this._reach = silence ? 'ok' : 'stale';
  }

  private async _fail(code: number): Promise<void> {
    if (code === 404 && this._status === null) {
      this._present = false;
      void this._poll.stop();
      return;
    }
    this._failingSince ??= Date.now();
    if (code === 424) {
      this._reach = 'stopped';
    } else if (code === 401 || code === 403) {
      if (this._reach !== 'forbidden' && this._reach !== 'stale') {
        this._reach = await this._whyRefused();
      }
    } else if (this._reach === 'ok' && Date.now() - this._failingSince >= PATIENCE_MS) {
      this._reach = code === 404 ? 'stopped' : 'unreachable';
    }
  }

  /**
   * The page's token dies with the server, the log-in and the membership alike. A reload would
   * make the log-in round anew, so make it behind the scenes and see where it ends.
   */
  private async _whyRefused(): Promise<Reach> {
    try {
      const page = await fetch(URLExt.join(this._settings.baseUrl, 'lab'), {
        cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS)
      });
      return page.status === 403 || page.status === 404 ? 'forbidden' : 'stale';
    } catch {
      // A provider on another host does not let itself be fetched: it was a log-in page.
      return 'stale';
    }
  }

  private _request(path: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this._settings.baseUrl, 'cohort', path);
    return ServerConnection.makeRequest(
      url,
      {
        ...init,
        // For JSON the hub says 424 in place of a server that is gone; for HTML it redirects.
        headers: { Accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS)
      },
      this._settings
    );
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _status: IStatus | null = null;
  private _answeredAt = 0;
  private _failingSince: number | null = null;
  private _reach: Reach = 'ok';
  private _present = true;
}

export type IStatusPoller = StatusPoller;

export const IStatusPoller = new Token<IStatusPoller>(
  'cohort-lab:IStatusPoller',
  'What the lab says about this server: idle time, GPUs, who has it open.'
);

export const statusPlugin: JupyterFrontEndPlugin<IStatusPoller> = {
  id: 'cohort-lab:status',
  description: 'Asks the server how it is, for the other plugins of Cohort.',
  autoStart: true,
  provides: IStatusPoller,
  activate: (app: JupyterFrontEnd): IStatusPoller => {
    const poller = new StatusPoller(app.serviceManager.serverSettings);
    // After the layout is back, so that the first look delays nobody's start.
    void app.restored.then(() => poller.start());
    return poller;
  }
};
