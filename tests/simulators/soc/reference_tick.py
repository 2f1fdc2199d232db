"""DS3's tick order in plain Python: processes on a queue of events, lists walked as they come.

Slow and obvious, and built unlike the kernel: every actor is a generator that yields how long it
sleeps. The schedulers are those of the plain-Python reference of the clean order.
"""

import contextlib
import heapq
import itertools
import math

import numpy as np

from chipgym.simulators.soc.lowering import lower_power
from chipgym.simulators.soc.reference_model import bandwidths, task_models
from chipgym.simulators.soc.reference_rules import RULES, Pass, ReadyTask, SplitMix64

WINDOW, THERMAL, PURGE_SPAN = 10, 20, 15


class FinishedError(Exception):
    """Raised by the process that ends the run."""


class Task:
    """A task of a job, numbered over all jobs."""

    def __init__(self, job, number, model):
        self.job, self.number, self.model = job, number, model
        self.waits_for = {source for source, _ in model.predecessors}
        self.pe, self.elapsed, self.energy = -1, 0.0, 0.0
        self.in_memory = []


class Simulation:
    """One run in DS3's order."""

    def __init__(self, platform, applications, workload, scheduler, options):
        self.platform, self.workload, self.options = platform, workload, options
        self.models = [task_models(platform, app, None) for app in applications]
        self.bandwidth = bandwidths(platform)
        self.power = lower_power(platform, options.governor)
        self.rule = RULES[scheduler]
        self.cluster = platform.pe_cluster
        pes, clusters = platform.num_pes, len(platform.clusters)
        self.available, self.lifetime = [0.0] * pes, [0] * pes
        self.queue, self.sequence, self.now = [], itertools.count(), 0.0
        self.ready, self.outstanding, self.waiting = [], [], []
        self.executable, self.running, self.completed = [], [], []
        self.occupied, self.idle = [False] * pes, [True] * pes
        self.opp = list(self.power.initial_opp)
        self.sampled, self.use = [-1.0] * pes, [0.0] * pes
        self.cluster_sampled, self.cluster_power = [-1.0] * clusters, [0.0] * clusters
        self.temperature = np.full(5, self.power.ambient_c)
        self.base = float(self.power.base_power_w.sum())
        self.in_flight = self.passes = self.finished_jobs = 0
        self.energy, self.latencies, self.done = 0.0, [], []
        self.arrival, self.finish, self.left = [], {}, []

    # The queue of events.
    def wake(self, process, delay, priority=1):
        event = (self.now + delay, priority, next(self.sequence), process)
        heapq.heappush(self.queue, event)

    def run(self):
        self.wake(self.injector(), 0, 0)
        self.wake(self.ticker(), 0, 0)
        try:
            while True:
                self.now, _, _, process = heapq.heappop(self.queue)
                with contextlib.suppress(StopIteration):
                    self.wake(process, next(process))
        except FinishedError:
            return self

    def stopper(self):
        raise FinishedError
        yield

    # The actors.
    def injector(self):
        for app, gap in zip(self.workload.app_index, self.workload.gap_us, strict=True):
            while self.in_flight >= self.options.max_in_flight:
                yield 1
            self.in_flight += 1
            for number, model in enumerate(self.models[app]):
                task = Task(len(self.arrival), number, model)
                (self.outstanding if task.waits_for else self.ready).append(task)
            self.arrival.append(self.now)
            self.left.append(len(self.models[app]))
            yield gap

    def ticker(self):
        while True:
            if self.now % WINDOW == 0:
                self.idle_pass()
            for task in [t for t in self.waiting if max(t.in_memory) <= self.now]:
                self.waiting.remove(task)
                self.ready.append(task)
            if self.ready:
                self.schedule()
            for task in list(self.executable):
                if task.data_ready <= self.now and not self.occupied[task.pe]:
                    self.executable.remove(task)
                    self.occupied[task.pe] = True
                    self.wake(self.execution(task), 0, 0)
            yield 1

    def execution(self, task):
        yield 0
        pe, work = task.pe, task.model.exec_us[task.pe]
        self.idle[pe] = False
        self.running.append(task)
        task.start = self.now
        finished = False
        while not finished:
            slow, left, window = self.slowdown(pe), work - task.elapsed, WINDOW - self.now % WINDOW
            predicted = left + left * (slow - 1)
            finished = predicted <= window
            duration = predicted if finished else window
            if not finished:
                task.elapsed += window / slow
            energy = self.window_power(pe) * duration * 1e-6
            task.energy += energy
            self.energy += energy
            yield duration
            if not finished:
                self.evaluate(pe)
        self.end(task)

    def end(self, task):
        task.finish = int(self.now)
        self.idle[task.pe] = True
        self.left[task.job] -= 1
        if self.left[task.job] == 0:
            self.end_job(task)
        self.running.remove(task)
        self.completed.append(task)
        self.done.append(task)
        for other in list(self.outstanding):
            if other.job == task.job and task.number in other.waits_for:
                other.waits_for.remove(task.number)
                volume = dict(other.model.predecessors)[task.number]
                to_memory = self.platform.bandwidth.to_memory[self.cluster[task.pe]]
                other.in_memory.append(self.now + int(volume / to_memory))
                if not other.waits_for:
                    self.outstanding.remove(other)
                    shared = self.options.communication == "shared_memory"
                    (self.waiting if shared else self.ready).append(other)
        self.evaluate(task.pe)
        self.occupied[task.pe] = False

    def end_job(self, tail):
        self.in_flight -= 1
        self.finish[tail.job] = max(t.finish for t in [tail, *self.done] if t.job == tail.job)
        self.completed.sort(key=lambda t: t.job)
        first, last = [self.completed[k].job for k in (0, -1)] if self.completed else (0, 0)
        if last - first > PURGE_SPAN:
            # Deleting while iterating: every other record of the first job survives.
            for position, record in enumerate(self.completed):
                if record.job == first:
                    del self.completed[position]
        records = [t for t in self.completed if t.job == tail.job]
        if any(not record.model.predecessors for record in records):
            self.latencies.append(self.now - self.arrival[tail.job])
        self.finished_jobs += 1
        if self.finished_jobs == len(self.workload):
            self.wake(self.stopper(), 0)

    # Scheduling.
    def arrival_time(self, task, pe):
        times = []
        for source, volume in task.model.predecessors:
            from_memory = self.platform.bandwidth.from_memory[self.cluster[pe]]
            at, bandwidth = -1, from_memory
            for record in self.completed:
                if (record.job, record.number) == (task.job, source):
                    at, bandwidth = record.finish, self.bandwidth[record.pe][pe]
            if self.options.communication == "shared_memory":
                at, bandwidth = self.now, from_memory
            times.append(at + int(volume / bandwidth))
        return max(times) if times else self.now

    def schedule(self):
        self.passes += 1
        listed = [
            ReadyTask(
                task.model.exec_us,
                lambda pe, task=task: max(self.arrival_time(task, pe) - self.now, 0.0),
                task.model.upward_rank_us,
                task.model.mean_exec_us,
                -1,
            )
            for task in self.ready
        ]
        pes = range(self.platform.num_pes)
        slow, busy = [self.slowdown(pe) for pe in pes], [not self.idle[pe] for pe in pes]
        random = SplitMix64(self.workload.key)
        state = Pass(self.now, listed, self.available, self.lifetime, slow, busy, random)
        for position, pe in self.rule(state):
            task = self.ready[position]
            task.pe, task.data_ready = pe, self.arrival_time(task, pe)
            self.executable.append(task)
        self.ready = []
        self.executable.sort(key=lambda t: t.job)

    # Power.
    def slowdown(self, pe):
        frequencies = self.power.frequency_mhz[self.cluster[pe]]
        top = self.power.num_opps[self.cluster[pe]] - 1
        return frequencies[top] / frequencies[self.opp[self.cluster[pe]]]

    def leakage(self, c):
        c1, c2, igate = self.power.leakage
        kelvin = 273 + max(self.temperature)
        voltage = self.power.voltage_v[c, self.opp[c]]
        density = c1 * kelvin**2 * math.exp(-c2 / kelvin) + igate
        return voltage / 4 * density * self.power.leakage_scale[c]

    def window_power(self, pe):
        c = self.cluster[pe]
        o, size, leakage = self.opp[c], self.power.cluster_size[c], self.leakage(c)
        busy = sum(not idle for p, idle in enumerate(self.idle) if self.cluster[p] == c)
        frequency = self.power.frequency_mhz[c, o] / self.power.profile_frequency_mhz[c, o]
        voltage = self.power.voltage_v[c, o] / self.power.profile_voltage_v[c, o]
        dynamic = (self.power.profile_w[c, o, busy - 1] - size * leakage) / busy
        dynamic *= frequency * voltage**2
        self.cluster_power[c] = dynamic * busy + leakage * size
        return dynamic + leakage

    def evaluate(self, pe):
        c = self.cluster[pe]
        if self.now == 0 or self.now % WINDOW or self.sampled[pe] == self.now:
            return
        self.sampled[pe] = self.now
        since = self.now - WINDOW
        spans = [(t.start, t.finish) for t in self.completed if t.pe == pe]
        spans += [(t.start, self.now) for t in self.running if t.pe == pe]
        self.use[pe] = sum(max(end - max(start, since), 0) for start, end in spans) / WINDOW
        if self.cluster_sampled[c] == self.now:
            return
        self.cluster_sampled[c] = self.now
        if self.options.governor == "ondemand":
            total = sum(use for p, use in enumerate(self.use) if self.cluster[p] == c)
            if total > 0.8:
                self.opp[c] = self.power.num_opps[c] - 1
            elif total < 0.3:
                self.opp[c] = max(self.opp[c] - 1, 0)
        if self.now % THERMAL == 0 and set(self.cluster_sampled) == {self.now}:
            heat = np.array([*self.power.base_power_w, *self.cluster_power])
            ambient = self.power.ambient_c
            rise = self.power.thermal_a @ (self.temperature - ambient)
            self.temperature = rise + self.power.thermal_b @ heat + ambient

    def idle_pass(self):
        for pe in range(self.platform.num_pes):
            self.energy += self.base / self.platform.num_pes * WINDOW * 1e-6
            if self.occupied[pe]:
                continue
            self.evaluate(pe)
            c = self.cluster[pe]
            self.energy += self.leakage(c) * WINDOW * 1e-6
            if all(idle for p, idle in enumerate(self.idle) if self.cluster[p] == c):
                self.cluster_power[c] = self.leakage(c) * self.power.cluster_size[c] + self.base
