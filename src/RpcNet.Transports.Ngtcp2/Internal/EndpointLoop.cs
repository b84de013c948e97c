using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// One thread that receives, keeps all timers and makes the calls into libngtcp2 for its connections. Other threads queue
/// work for it. While it sleeps, the thread that queued drives the work itself, so that a write costs no change of threads;
/// otherwise the loop finds the work before it sleeps. No other thread ever waits for the loop.
/// </summary>
/// <remarks>
/// Whoever holds the turn may touch the loop's state. The loop's thread holds it except while it sleeps.
/// </remarks>
internal sealed unsafe partial class EndpointLoop
{
    // The loop's thread is up, or will be before it looks for work the last time.
    private const int Awake = 0;

    // It sleeps, and whoever has work for it may do that in its stead.
    private const int Asleep = 1;

    // It sleeps, and someone does.
    private const int Driven = 2;

    // A timer that is overdue by so many nanoseconds tells that the thread was held up.
    private const ulong Lateness = 100_000_000;

    private static readonly TimeSpan ParkTimeout = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly List<UdpSocket> _sockets = [];
    private readonly Queue<Connection> _writes = new();
    private readonly List<ICompletion> _completions = [];
    private readonly TimerHeap _timers = new();
    private readonly TimeProvider _timeProvider;
    private readonly long _frequency;
    private readonly ulong _busyPoll;
    private readonly Func<EndpointLoop, bool> _mayEnd;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Closed by its finalizer: another thread may be about to write to it when the loop ends.
    private readonly SafeFileHandle _eventHandle;
    private readonly int _eventFd;
    private readonly int _epollFd;
    private readonly Lock _turn = new();
    private Connection? _ready;
    private int _rest;
    private ulong _sleepsUntil;
    private int _connections;
    private volatile bool _parked;

    /// <param name="name">The thread's name.</param>
    /// <param name="options">The engine's options.</param>
    /// <param name="logger">Takes what concerns no single connection.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="mayEnd">Asked on the loop's thread whenever it has no connection and nothing to do.</param>
    public EndpointLoop(
        string name, Ngtcp2TransportOptions options, ILogger logger, TimeProvider timeProvider, Func<EndpointLoop, bool> mayEnd)
    {
        Options = options;
        Logger = logger;
        _timeProvider = timeProvider;
        _frequency = timeProvider.TimestampFrequency;
        _busyPoll = (ulong)options.BusyPoll.TotalNanoseconds;
        _mayEnd = mayEnd;
        _eventFd = Check(LibC.EventFd(0, LibC.EventFdNonBlock | LibC.EventFdCloseOnExec));
        _eventHandle = new SafeFileHandle(_eventFd, ownsHandle: true);
        _epollFd = Check(LibC.EpollCreate(LibC.EpollCloseOnExec));
        PrepareMessages();
        Now = ReadClock();
        _thread = new Thread(Run, 1 << 20) { IsBackground = true, Name = name };
        ProcessExit.Add(this);
    }

    public Ngtcp2TransportOptions Options { get; }

    public ILogger Logger { get; }

    /// <summary>Nanoseconds since 1970, for tokens: they mean the same to a process that was restarted with the same key.</summary>
    public ulong WallClock() => (ulong)(_timeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;

    public ChunkPool Chunks { get; } = new();

    /// <summary>The time of this turn of the loop, in nanoseconds of libngtcp2's clock.</summary>
    public ulong Now { get; private set; }

    /// <summary>Completes when the thread has ended and everything is freed.</summary>
    public Task Ended => _ended.Task;

    public void Start() => _thread.Start();

    /// <summary>With <see cref="NativeChecks"/> on, ends the process unless the caller has the loop's turn.</summary>
    public void AssertOwned()
    {
        if (NativeChecks.Enabled && !_turn.IsHeldByCurrentThread)
        {
            NativeChecks.Fail("libngtcp2 was called by a thread that has not the loop's turn");
        }
    }

    /// <summary>Runs <paramref name="command"/> on the loop's thread. Any thread.</summary>
    public void Post(Action command)
    {
        _commands.Enqueue(command);
        Interlocked.MemoryBarrier();
        Wake();
    }

    /// <summary>Has the connection look at what the application asked of it. Any thread; once per connection until it has.</summary>
    public void PostReady(Connection connection)
    {
        Connection? head;
        do
        {
            head = Volatile.Read(ref _ready);
            connection.NextReady = head;
        }
        while (Interlocked.CompareExchange(ref _ready, connection, head) != head);
        if (Volatile.Read(ref _rest) == Asleep && Interlocked.CompareExchange(ref _rest, Driven, Asleep) == Asleep)
        {
            Drive();
        }
    }

    public void AddSocket(UdpSocket socket)
    {
        AssertOwned();
        EpollChange(LibC.EpollAdd, socket.Fd);
        _sockets.Add(socket);
        _socketsByFd.Add(socket.Fd, socket);
    }

    public void RemoveSocket(UdpSocket socket)
    {
        AssertOwned();
        if (_socketsByFd.Remove(socket.Fd))
        {
            _sockets.Remove(socket);
            EpollChange(LibC.EpollDelete, socket.Fd);
        }

        socket.Dispose();
    }

    /// <summary>Connections not yet freed. Loop's thread.</summary>
    public int ConnectionCount => _connections;

    public void AddConnection() => _connections++;

    public void RemoveConnection(Connection connection)
    {
        AssertOwned();
        _timers.Remove(connection);
        _connections--;
    }

    public void SetTimer(TimerEntry entry, ulong deadline) => _timers.Set(entry, deadline);

    /// <summary>Lets the connection write packets before the loop sleeps again.</summary>
    public void ScheduleWrite(Connection connection)
    {
        if (!connection.WriteScheduled)
        {
            connection.WriteScheduled = true;
            _writes.Enqueue(connection);
        }
    }

    /// <summary>Stream data came, or the peer has some of ours: more is likely to follow soon. Loop's thread.</summary>
    public void ExpectMore() => _busy = true;

    /// <summary>Completes an application's operation after the datagrams at hand, so that one wake-up serves many of them.</summary>
    public void ScheduleCompletion(ICompletion completion) => _completions.Add(completion);

    /// <summary>Stops the thread where it is, for the rest of the process. Any thread.</summary>
    public void Park()
    {
        _parked = true;
        WakeNow();
        _ended.Task.Wait(ParkTimeout);

        // Kept for good: nobody may drive any more.
        _turn.TryEnter(ParkTimeout);
    }

    private void Run()
    {
        try
        {
            while (!_parked && Turn())
            {
                Sleep();
            }
        }
        catch (Exception e)
        {
            Ngtcp2Log.LoopFailed(Logger, e);
            throw;
        }
        finally
        {
            ProcessExit.Remove(this);
            _ended.TrySetResult();
        }
    }

    /// <summary>Does everything that is to be done; false when the loop has ended.</summary>
    private bool Turn()
    {
        lock (_turn)
        {
            Now = ReadClock();
            RunCommands();
            DrainReady();
            ReceiveReady();
            if (_timers.Earliest < Now - Lateness)
            {
                CatchUp();
            }

            ExpireTimers();
            FlushCompletions();

            // Those who read on this thread have asked for more meanwhile, and others while packets were written.
            DrainReady();
            WriteConnections();
            DrainReady();
            WriteConnections();
            if (_connections == 0 && _commands.IsEmpty && _mayEnd(this))
            {
                Free();
                return false;
            }

            LieDown();
            return true;
        }
    }

    /// <summary>
    /// Does for the sleeping loop what was asked of its connections, and wakes it for what it alone can do. Never waits:
    /// the caller may hold locks that the loop's thread needs.
    /// </summary>
    private void Drive()
    {
        do
        {
            if (!_turn.TryEnter())
            {
                Wake();
                return;
            }

            var forLoop = true;
            try
            {
                if (_parked)
                {
                    forLoop = false;
                    return;
                }

                Now = ReadClock();
                var connections = _connections;
                var sockets = _sockets.Count;
                DrainReady();
                WriteConnections();
                forLoop = _writes.Count > 0 || _completions.Count > 0 || _timers.Earliest < _sleepsUntil
                    || _connections != connections || _sockets.Count != sockets;
            }
            finally
            {
                _turn.Exit();
                if (forLoop)
                {
                    Wake();
                }
            }

            if (forLoop)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _rest, Asleep, Driven) != Driven)
            {
                // The loop's thread is up and looks itself.
                return;
            }
        }
        while (Volatile.Read(ref _ready) is not null && Interlocked.CompareExchange(ref _rest, Driven, Asleep) == Asleep);
    }

    private void RunCommands()
    {
        // Those that come meanwhile wait for the next turn, so that no thread that posts without end keeps it here.
        for (var count = _commands.Count; count > 0 && _commands.TryDequeue(out var command); count--)
        {
            command();
        }
    }

    private void DrainReady()
    {
        if (Volatile.Read(ref _ready) is null)
        {
            return;
        }

        // The stack gives the last first; the first to ask is served first.
        Connection? ordered = null;
        for (var next = Interlocked.Exchange(ref _ready, null); next is not null;)
        {
            var following = next.NextReady;
            next.NextReady = ordered;
            ordered = next;
            next = following;
        }

        while (ordered is not null)
        {
            var connection = ordered;
            ordered = connection.NextReady;
            connection.NextReady = null;
            connection.ProcessRequests();
        }
    }

    private void ExpireTimers()
    {
        while (_timers.Earliest <= Now)
        {
            var entry = _timers.First;
            _timers.Remove(entry);
            entry.Deadline = ulong.MaxValue;
            ((Connection)entry).OnTimer();
        }
    }

    private void FlushCompletions()
    {
        for (var i = 0; i < _completions.Count; i++)
        {
            _completions[i].Complete();
        }

        _completions.Clear();
    }

    private void WriteConnections()
    {
        // Those that still have more to send wait for the next turn, so that received packets and other connections get theirs.
        for (var count = _writes.Count; count > 0; count--)
        {
            var connection = _writes.Dequeue();
            connection.WriteScheduled = false;
            connection.Write();
        }
    }

    /// <summary>Gives everything back, in place of <see cref="Start"/>.</summary>
    public void Discard()
    {
        ProcessExit.Remove(this);
        Free();
        _ended.TrySetResult();
    }

    private void Free()
    {
        LibC.Close(_epollFd);
        FreeBuffers();
    }

    private ulong ReadClock()
    {
        var stamp = _timeProvider.GetTimestamp();
        return _frequency == 1_000_000_000 ? (ulong)stamp : (ulong)(stamp * (1_000_000_000.0 / _frequency));
    }

    private static int Check(int result) => result >= 0
        ? result
        : throw new TransportException(
            TransportError.Internal, $"The I/O loop cannot start: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
}

/// <summary>An operation of the application that the loop completes at the end of a turn.</summary>
internal interface ICompletion
{
    void Complete();
}
