using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// One thread that does all socket I/O, all timers and all calls into libngtcp2 for its connections. Other threads queue
/// work for it and wake it; they never wait for it while holding a lock.
/// </summary>
internal sealed unsafe partial class EndpointLoop
{
    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly List<UdpSocket> _sockets = [];
    private readonly Queue<Connection> _writes = new();
    private readonly List<ICompletion> _completions = [];
    private readonly TimerHeap _timers = new();
    private readonly TimeProvider _timeProvider;
    private readonly long _frequency;
    private readonly Func<EndpointLoop, bool> _mayEnd;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Closed by its finalizer: another thread may be about to write to it when the loop ends.
    private readonly SafeFileHandle _eventHandle;
    private readonly int _eventFd;
    private readonly int _epollFd;
    private Connection? _ready;
    private int _sleeping;
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
        _mayEnd = mayEnd;
        _eventFd = Check(LibC.EventFd(0, LibC.EventFdNonBlock | LibC.EventFdCloseOnExec));
        _eventHandle = new SafeFileHandle(_eventFd, ownsHandle: true);
        _epollFd = Check(LibC.EpollCreate(LibC.EpollCloseOnExec));
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

    /// <summary>With <see cref="NativeChecks"/> on, ends the process unless the caller is the loop's thread.</summary>
    public void AssertOwned()
    {
        if (NativeChecks.Enabled && Thread.CurrentThread != _thread)
        {
            NativeChecks.Fail("libngtcp2 was called on another thread than the loop's");
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
        Wake();
    }

    public void AddSocket(UdpSocket socket)
    {
        AssertOwned();
        _sockets.Add(socket);
        _socketsByFd.Add(socket.Fd, socket);
        EpollChange(LibC.EpollAdd, socket.Fd);
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

    /// <summary>Completes an application's operation after the datagrams at hand, so that one wake-up serves many of them.</summary>
    public void ScheduleCompletion(ICompletion completion) => _completions.Add(completion);

    /// <summary>Stops the thread where it is, for the rest of the process. Any thread.</summary>
    public void Park()
    {
        _parked = true;
        WakeNow();
        _ended.Task.Wait(TimeSpan.FromMilliseconds(500));
    }

    private void Run()
    {
        try
        {
            while (!_parked)
            {
                Now = ReadClock();
                RunCommands();
                DrainReady();
                ReceiveReady();
                ExpireTimers();
                FlushCompletions();
                WriteConnections();
                if (_connections == 0 && _commands.IsEmpty && _mayEnd(this))
                {
                    Free();
                    break;
                }

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

    private void RunCommands()
    {
        while (_commands.TryDequeue(out var command))
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
