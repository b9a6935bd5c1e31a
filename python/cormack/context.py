"""Contexts: threads, memory ceiling, progress, and stopping a call by Ctrl-C."""
import contextvars
import ctypes as C
import logging
import os
import sys
import threading

from ._library import LOG, LOOK, PROGRESS, ContextOptions, Watch, call, lib, text

_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
_logger = logging.getLogger("cormack")
_current = contextvars.ContextVar("cormack_context", default=())


class _Native:
    """The C context. Counts what was made with it and is destroyed after the last of it, in whatever order the garbage
    collector finds them."""

    def __init__(self, options, keep):
        self.pointer = call("cm_context_create", C.byref(options))
        self.keep, self.users, self.lock, self.process = keep, 1, threading.RLock(), os.getpid()

    def retain(self):
        with self.lock:
            self.users += 1

    def release(self):
        with self.lock:
            self.users -= 1
            last = self.users == 0
        if last and self.process == os.getpid():  # in a forked child its threads do not exist
            lib.cm_context_destroy(C.byref(C.c_void_p(self.pointer)))


class Handle:
    """A pointer of the library with its way to be released, and the contexts that must outlive it."""

    __slots__ = ("pointer", "natives", "_free")

    def __init__(self, pointer, free, natives):
        self.pointer, self._free, self.natives = pointer, free, frozenset(natives)
        for native in self.natives:
            native.retain()

    def __del__(self):
        if not sys.is_finalizing() and getattr(self, "natives", None) is not None:
            self._free(C.byref(C.c_void_p(self.pointer)))
            for native in self.natives:
                native.release()


class _Bars:
    """Progress by tqdm, a bar a task that lasts longer than a second."""

    def __init__(self, tqdm):
        self.tqdm, self.bars, self.lock = tqdm, {}, threading.Lock()

    def __call__(self, what, done, total):
        with self.lock:
            bar = self.bars.get(what)
            if bar is None:
                bar = self.bars[what] = self.tqdm(desc=what, total=total or None, leave=False, delay=1)
            bar.update(done - bar.n)
            if total and done >= total:
                self.bars.pop(what).close()

    def close(self):
        with self.lock:
            while self.bars:
                self.bars.popitem()[1].close()


def _listen(watch, caught):
    """Suspended where an exception that a signal's handler raises is caught: the library goes on with it from time to time, in
    the main thread, which runs the handlers."""
    while True:
        try:
            while True:
                yield
        except GeneratorExit:
            return
        except BaseException as error:
            caught.append(error)
            watch.stop = 1


def _progress(wanted):
    """None: bars where tqdm is installed and somebody looks; True: bars; False: none; else a function of one's own."""
    if callable(wanted):
        return wanted
    if wanted is False or (wanted is None and not (sys.stderr and sys.stderr.isatty())):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if wanted:
            raise
        return None
    return _Bars(tqdm)


class Context:
    """How calls run.

    threads: 1..256, 0 for as many as the machine has. memory: most bytes that may be allocated at a time, 0 for no
    ceiling. progress: None (bars by tqdm if it is installed and stderr is a terminal), True, False, or a function
    (what, done, total) that any thread may call. Results have the same bits with any number of threads.

    Give it to a call (`context=`), or make it that of all calls inside `with Context(threads=1):`. What the library
    has to say goes to the logger "cormack". Several Python threads may use one context at once."""

    def __init__(self, threads=0, memory=0, progress=None):
        options = ContextOptions()
        lib.cm_context_default_options(C.byref(options))
        options.threads, options.memory_limit = threads, memory
        # C itself looks at the flag, and the main thread at signals now and then: no worker has to wait for the GIL.
        self._watch, self._caught = Watch(thread=threading.main_thread().ident), []
        self._gate, self._running, self._stopping, self._cancelled = threading.Lock(), 0, False, 0
        listener = _listen(self._watch, self._caught)
        next(listener)
        self._watch.look = LOOK(listener.__next__)
        self._report = _progress(progress)
        report = self._report

        def log(_, level, line):
            _logger.log(_LEVELS[level], "%s", text(line))

        def tell(_, what, done, total):
            report(text(what), done, total)

        options.log = LOG(log)
        if report:
            options.progress = PROGRESS(tell)
        options.cancel, options.user = C.cast(lib.cm_cancel_by_watch, C.c_void_p), C.addressof(self._watch)
        self._native = _Native(options, (options.log, options.progress, self._watch))

    def __del__(self):
        if not sys.is_finalizing() and hasattr(self, "_native"):
            self._native.release()

    def __enter__(self):
        _current.set((*_current.get(), self))
        return self

    def __exit__(self, *_):
        _current.set(_current.get()[:-1])

    pointer = property(lambda self: self._native.pointer)
    threads = property(lambda self: lib.cm_context_threads(self.pointer))
    memory_limit = property(lambda self: lib.cm_context_memory_limit(self.pointer))
    memory_used = property(lambda self: lib.cm_context_memory_used(self.pointer))
    memory_peak = property(lambda self: lib.cm_context_memory_peak(self.pointer))

    def reset_peak(self):
        lib.cm_context_reset_peak(self.pointer)

    def cancel(self):
        """Stops the calls that run with this context, from another thread: they raise CancelledError. Stays so until resume()."""
        self._cancelled = self._watch.stop = 1

    def resume(self):
        self._cancelled = self._watch.stop = 0

    def own(self, pointer, free, *others):
        """A Handle for what was made with this context (and may hold on to what `others`, handles, hold)."""
        return Handle(pointer, free, {self._native}.union(*[other.natives for other in others]))

    def _heard(self):
        """Has a signal's handler raised something that this thread, the main one, must raise?"""
        return self._caught and threading.get_ident() == self._watch.thread

    def run(self, work):
        """work(); what a signal's handler raises meanwhile, such as Ctrl-C's KeyboardInterrupt, stops all calls of this context."""
        error = None
        with self._gate:
            self._running += 1
        try:
            made = work()
        except BaseException:
            if not self._heard():
                raise
        finally:
            if isinstance(self._report, _Bars):
                self._report.close()
            if self._heard():
                error = self._caught[0]
                self._caught.clear()
            self._leave(error is not None)
        if error is not None:
            raise error
        return made

    def _leave(self, interrupted):
        """The last call to leave after an interruption lets later ones run: the others are to hear of it too."""
        with self._gate:
            self._running -= 1
            self._stopping = self._stopping or interrupted
            if self._stopping and not self._running:
                self._stopping, self._watch.stop = False, self._cancelled


_default, _lock = None, threading.Lock()


def configure(threads=0, memory=0, progress=None):
    """Sets the context of all calls that are not given another. Parameters as for Context."""
    global _default
    with _lock:
        _default = Context(threads, memory, progress)
    return _default


def current(context=None):
    """The context given, that of the `with` around, or the default, which is made on first use and anew in a forked child."""
    if context is not None:
        return context
    if _current.get():
        return _current.get()[-1]
    if _default is None or _default._native.process != os.getpid():
        configure()
    return _default
