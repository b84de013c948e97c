using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Testing.VirtualTime;

namespace RpcNet.Testing.InMemory;

/// <summary>
/// A network in memory: transports, the links between them, and what goes wrong on those. All delays, handshake and idle
/// timeouts run on one <see cref="TimeProvider"/>, all chance comes from one seed.
/// </summary>
/// <remarks>
/// <para>
/// All members may be called concurrently. Loopback addresses are shared by all transports, as by processes of one
/// machine; besides them each transport has an address of its own and a name that <see cref="DnsEndPoint"/>s resolve.
/// </para>
/// <para>
/// Under a fake clock advance in steps no longer than the shortest keep-alive interval, and only after
/// <see cref="WaitForIdleAsync"/>: a clock that jumps past an idle timeout finds the connection silent for that long.
/// Runs repeat as far as the thread pool resumes continuations in the same order.
/// </para>
/// </remarks>
public sealed partial class InMemoryNetwork
{
    private const int FirstEphemeralPort = 49152;

    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly List<InMemoryTransport> _transports = [];
    private readonly Dictionary<(InMemoryTransport From, InMemoryTransport To), Link> _links = [];
    private readonly Dictionary<IPEndPoint, InMemoryListener> _listeners = [];
    private volatile LinkConditions _conditions = LinkConditions.Perfect;
    private int _lastPort = FirstEphemeralPort - 1;
    private int _lastHost;
    private long _lastConnection;

    /// <summary>Creates a network without delays.</summary>
    /// <param name="seed">The seed of jitter and loss.</param>
    /// <param name="time">The clock of all delays and timeouts; the system's by default.</param>
    /// <param name="loggers">Where refused handshakes are logged.</param>
    public InMemoryNetwork(int seed = 1, TimeProvider? time = null, ILoggerFactory? loggers = null)
    {
        _random = new Random(seed);
        Time = time ?? TimeProvider.System;
        Logger = (loggers ?? NullLoggerFactory.Instance).CreateLogger<InMemoryNetwork>();
    }

    /// <summary>The conditions of every link that has none of its own; takes effect with the next message.</summary>
    public LinkConditions Conditions
    {
        get => _conditions;
        set => _conditions = value.Validated();
    }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    /// <summary>Counts the work of the test cluster that the network belongs to.</summary>
    internal WorkTracker? Tracker { get; init; }

    /// <summary>Makes a transport of that name, with an address of its own out of 10.0.0.0/8.</summary>
    public InMemoryTransport CreateTransport(string host)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        return Add(new InMemoryTransport(this, host, NextAddress(), Time));
    }

    /// <summary>
    /// Makes a transport at that address, named by it. Several transports may share an address, as processes of one
    /// machine do.
    /// </summary>
    public InMemoryTransport CreateTransport(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Add(new InMemoryTransport(this, address.ToString(), address, Time));
    }

    /// <summary>Sets the conditions of one direction of one link; null follows <see cref="Conditions"/> again.</summary>
    public void SetConditions(InMemoryTransport from, InMemoryTransport to, LinkConditions? conditions) =>
        GetLink(from, to).Conditions = conditions?.Validated();

    /// <summary>Cuts both directions: what is sent waits for <see cref="Heal"/>, or for the connection's idle timeout.</summary>
    public void Partition(InMemoryTransport one, InMemoryTransport other)
    {
        PartitionOneWay(one, other);
        PartitionOneWay(other, one);
    }

    /// <summary>Cuts one direction.</summary>
    public void PartitionOneWay(InMemoryTransport from, InMemoryTransport to) => GetLink(from, to).Cut();

    /// <summary>Cuts a transport off from all others that exist now.</summary>
    public void Isolate(InMemoryTransport transport)
    {
        InMemoryTransport[] others;
        lock (_gate)
        {
            others = [.. _transports.Where(t => t != transport)];
        }

        foreach (var other in others)
        {
            Partition(transport, other);
        }
    }

    /// <summary>Restores both directions; what waited sets out now.</summary>
    public void Heal(InMemoryTransport one, InMemoryTransport other)
    {
        GetLink(one, other).Heal();
        GetLink(other, one).Heal();
    }

    /// <summary>Restores every link.</summary>
    public void HealAll()
    {
        Link[] links;
        lock (_gate)
        {
            links = [.. _links.Values];
        }

        foreach (var link in links)
        {
            link.Heal();
        }
    }

    /// <summary>
    /// Ends a transport as SIGKILL ends a process: its listeners vanish, its connections fall silent without a close, so
    /// that peers find them idle; at its own end everything fails with Disposed. A new transport may take its place.
    /// </summary>
    public void Kill(InMemoryTransport transport)
    {
        ArgumentNullException.ThrowIfNull(transport);
        lock (_gate)
        {
            _transports.Remove(transport);
        }

        transport.Kill();
    }

    /// <summary>
    /// As <see cref="Kill"/>, but what the transport's own side waits for never completes, as in a process that is no more.
    /// <see cref="Kill"/> frees it later.
    /// </summary>
    internal void Halt(InMemoryTransport transport)
    {
        lock (_gate)
        {
            _transports.Remove(transport);
        }

        transport.Halt();
    }

    /// <summary>What is sent to the transport waits until it reads again.</summary>
    internal void SetReading(InMemoryTransport transport, bool reading)
    {
        transport.IsReading = reading;
        if (!reading)
        {
            return;
        }

        Link[] links;
        lock (_gate)
        {
            links = [.. _links.Where(l => l.Key.To == transport).Select(static l => l.Value)];
        }

        foreach (var link in links)
        {
            link.Release();
        }
    }

    /// <summary>Makes a transport whose timers run on a clock of its own, in place of one that was killed if it has that address.</summary>
    internal InMemoryTransport CreateTransport(string host, IPAddress address, TimeProvider time) =>
        Add(new InMemoryTransport(this, host, address, time));

    /// <summary>An address that no transport has.</summary>
    internal IPAddress NextAddress()
    {
        var number = Interlocked.Increment(ref _lastHost);
        return new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]);
    }

    internal long NextConnectionNumber() => Interlocked.Increment(ref _lastConnection);

    internal TimeSpan NextDelay(LinkConditions conditions)
    {
        if (conditions.IsDirect)
        {
            return TimeSpan.Zero;
        }

        lock (_random)
        {
            return conditions.NextDelay(_random);
        }
    }

    internal Link GetLink(InMemoryTransport from, InMemoryTransport to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        lock (_gate)
        {
            if (!_links.TryGetValue((from, to), out var link))
            {
                _links.Add((from, to), link = new Link(this, to));
            }

            return link;
        }
    }

    /// <summary>The addresses of a host name; none when nobody has that name.</summary>
    internal IPAddress[] Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return [literal];
        }

        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            return [IPAddress.Loopback, IPAddress.IPv6Loopback];
        }

        lock (_gate)
        {
            return
            [
                .. _transports.Where(t => t.Host.Equals(host, StringComparison.OrdinalIgnoreCase))
                    .Select(t => t.Address)
                    .Distinct(),
            ];
        }
    }

    /// <summary>Enters a listener under a port of its own where 0 is asked for; null when the port is taken.</summary>
    internal IPEndPoint? TryBind(InMemoryListener listener, IPEndPoint wanted)
    {
        lock (_gate)
        {
            var endPoint = wanted.Port == 0 ? new IPEndPoint(wanted.Address, NextPort()) : wanted;
            return _listeners.TryAdd(endPoint, listener) ? endPoint : null;
        }
    }

    /// <summary>Frees a listener's port, unless another has it by now.</summary>
    internal void Unbind(InMemoryListener listener)
    {
        lock (_gate)
        {
            if (_listeners.GetValueOrDefault(listener.LocalEndPoint) == listener)
            {
                _listeners.Remove(listener.LocalEndPoint);
            }
        }
    }

    internal InMemoryListener? FindListener(IPEndPoint endPoint)
    {
        lock (_gate)
        {
            if (_listeners.TryGetValue(endPoint, out var listener))
            {
                return listener;
            }

            return _listeners.FirstOrDefault(l =>
                l.Key.Port == endPoint.Port
                && (l.Key.Address.Equals(IPAddress.Any) || l.Key.Address.Equals(IPAddress.IPv6Any))
                && l.Value.Transport.Owns(endPoint.Address)).Value;
        }
    }

    internal int NextPortLocked()
    {
        lock (_gate)
        {
            return NextPort();
        }
    }

    private int NextPort()
    {
        do
        {
            _lastPort = _lastPort == IPEndPoint.MaxPort ? FirstEphemeralPort : _lastPort + 1;
        }
        while (_listeners.Keys.Any(e => e.Port == _lastPort));
        return _lastPort;
    }

    private InMemoryTransport Add(InMemoryTransport transport)
    {
        lock (_gate)
        {
            _transports.Add(transport);
        }

        return transport;
    }
}
