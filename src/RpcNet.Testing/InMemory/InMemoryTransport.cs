using System.Net;
using System.Net.Sockets;
using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

/// <summary>The transport of one process on an <see cref="InMemoryNetwork"/>.</summary>
/// <remarks>
/// Keeps the whole contract of <see cref="ITransport"/>, TLS's choices and judgements included, without cryptography.
/// Messages of one connection and direction arrive in order, across streams too.
/// </remarks>
public sealed partial class InMemoryTransport : ITransport
{
    private readonly Lock _gate = new();
    private readonly HashSet<InMemoryListener> _listeners = [];
    private readonly HashSet<InMemoryConnection> _connections = [];
    private bool _killed;
    private volatile bool _reading = true;

    internal InMemoryTransport(InMemoryNetwork network, string host, IPAddress address, TimeProvider time)
    {
        Time = time;
        Network = network;
        Host = host;
        Address = address;
    }

    /// <inheritdoc />
    public string Name => "InMemory";

    /// <summary>The name under which other transports reach this one.</summary>
    public string Host { get; }

    /// <summary>The address that this transport has besides the loopback addresses.</summary>
    public IPAddress Address { get; }

    internal InMemoryNetwork Network { get; }

    /// <summary>The clock of this side's handshakes, keep-alives and idle timeouts.</summary>
    internal TimeProvider Time { get; }

    /// <summary>False while the process stands still: what is sent to it waits.</summary>
    internal bool IsReading
    {
        get => _reading;
        set => _reading = value;
    }

    /// <inheritdoc />
    public ValueTask<ITransportListener> ListenAsync(
        TransportListenerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ITransportListener>(cancellationToken);
        }

        return new(Listen(options));
    }

    internal bool Owns(IPAddress address) => IPAddress.IsLoopback(address) || Address.Equals(address);

    internal void Remove(InMemoryListener listener)
    {
        lock (_gate)
        {
            _listeners.Remove(listener);
        }
    }

    internal void Remove(InMemoryConnection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
        }
    }

    internal void Kill()
    {
        InMemoryListener[] listeners;
        InMemoryConnection[] connections;
        lock (_gate)
        {
            _killed = true;
            listeners = [.. _listeners];
            connections = [.. _connections];
        }

        foreach (var connection in connections)
        {
            connection.Vanish();
        }

        foreach (var listener in listeners)
        {
            listener.Close();
        }
    }

    internal void Halt()
    {
        InMemoryListener[] listeners;
        InMemoryConnection[] connections;
        lock (_gate)
        {
            listeners = [.. _listeners];
            connections = [.. _connections];
        }

        foreach (var connection in connections)
        {
            connection.Halt();
        }

        foreach (var listener in listeners)
        {
            Network.Unbind(listener);
        }
    }

    internal void Add(InMemoryConnection connection)
    {
        lock (_gate)
        {
            ThrowIfKilled();
            _connections.Add(connection);
        }
    }

    private InMemoryListener Listen(TransportListenerOptions options)
    {
        var address = options.EndPoint.Address;
        if (!Owns(address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any))
        {
            throw new TransportException(
                TransportError.AddressUnavailable, $"The address {address} does not belong to '{Host}'.");
        }

        var listener = new InMemoryListener(this, options);
        lock (_gate)
        {
            ThrowIfKilled();
            if (Network.TryBind(listener, options.EndPoint) is not { } bound)
            {
                throw new TransportException(TransportError.AddressInUse, $"The port {options.EndPoint} is taken.");
            }

            listener.LocalEndPoint = bound;
            _listeners.Add(listener);
        }

        return listener;
    }

    private void ThrowIfKilled()
    {
        if (_killed)
        {
            throw new TransportException(TransportError.Disposed, $"The transport '{Host}' was killed.");
        }
    }

    private IPEndPoint LocalEndPointTowards(IPAddress remote)
    {
        var address = !IPAddress.IsLoopback(remote) ? Address
            : remote.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Loopback
            : IPAddress.Loopback;
        return new IPEndPoint(address, Network.NextPortLocked());
    }
}
