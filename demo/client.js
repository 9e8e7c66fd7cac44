/**
 * A client of the application: every request takes a new connection, and so may come to any worker.
 */
'use strict';

const http = require('node:http');
const { until } = require('./wait');

/** Only a connection that was handed to a worker which was dead already comes to wait that long. */
const TIMEOUT_MS = 5_000;

class Client {
  /** Requests that got no answer, because the worker that had them was killed. */
  lost = 0;

  constructor(port) {
    this.port = port;
  }

  /** Resolves to the status and the answer; rejects if there is none. */
  async request(method, path, { token = '', body } = {}) {
    try {
      return await this.#request(method, path, token, body);
    } catch (error) {
      this.lost += 1;
      throw error;
    }
  }

  /** Resolves to the token of a new session; tries again if the worker dies before it has answered. */
  login(user) {
    const attempt = async () => {
      const { status, answer } = await this.request('POST', '/login', { body: { user } }).catch(() => ({}));
      if (status !== undefined && status !== 200) throw new Error(`login of ${user}: ${status} ${answer.error}`);
      return answer?.token;
    };
    return until(`login of ${user}`, attempt, 6 * TIMEOUT_MS);
  }

  /** Asks again and again until each of `pids` has answered; resolves to `{ status, answer }` of all requests. */
  async throughAll(pids, method, path, options) {
    const answers = [];
    const missing = new Set(pids);
    await until(`${method} ${path} through all workers`, async () => {
      const result = await this.request(method, path, options).catch(() => null);
      if (result !== null) answers.push(result);
      missing.delete(result?.answer.pid);
      return missing.size === 0;
    });
    return answers;
  }

  #request(method, path, token, body) {
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port: this.port, method, path, agent: false, timeout: TIMEOUT_MS,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      request.on('error', reject);
      request.on('response', async (response) => {
        try {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          resolve({ status: response.statusCode, answer: JSON.parse(Buffer.concat(chunks).toString()) });
        } catch (error) {
          reject(error);
        }
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

module.exports = { Client };
