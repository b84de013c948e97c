using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// A bound address and the I/O threads behind it. It serves one listener at a time and, after that listener's disposal, the
/// connections that were taken from it; a new listener of this process may then take the address over.
/// </summary>
/// <remarks>
/// With several threads the kernel spreads clients over them by address (SO_REUSEPORT). Connection ids say which thread owns
/// the connection, so that a packet which arrives elsewhere, as after a migration, is handed on.
/// </remarks>
internal sealed class PortGroup
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<IPEndPoint, PortGroup> s_groups = [];

    private bool _claimed = true;
    private bool _ended;

    private PortGroup(IPEndPoint endPoint, Ngtcp2TransportOptions engine, ILogger logger, TimeProvider timeProvider)
    {
        var count = engine.IoThreads;
        if (count > 1 && endPoint.Port != 0)
        {
            // Sockets that share a port do so with other processes of this user too: that must not go unnoticed.
            UdpSocket.Probe(endPoint, engine);
        }

        Ports = new ListenerPort[count];
        LocalEndPoint = endPoint;
        try
        {
            for (var i = 0; i < count; i++)
            {
                Ports[i] = new ListenerPort(this, i, LocalEndPoint, engine, logger, timeProvider);
                LocalEndPoint = Ports[i].LocalEndPoint;
            }
        }
        catch
        {
            foreach (var made in Ports)
            {
                made?.Discard();
            }

            throw;
        }

        foreach (var port in Ports)
        {
            port.Start();
        }
    }

    public IPEndPoint LocalEndPoint { get; }

    public ListenerPort[] Ports { get; }

    /// <summary>Binds the address, or takes over one whose listener is gone and whose connections are not.</summary>
    public static PortGroup Claim(IPEndPoint endPoint, Ngtcp2TransportOptions engine, ILogger logger, TimeProvider timeProvider)
    {
        lock (s_gate)
        {
            if (s_groups.TryGetValue(endPoint, out var group) && !group._claimed)
            {
                group._claimed = true;
                foreach (var port in group.Ports)
                {
                    port.MayEnd = false;
                }

                return group;
            }

            group = new PortGroup(endPoint, engine, logger, timeProvider);
            s_groups.Add(group.LocalEndPoint, group);
            return group;
        }
    }

    /// <summary>Whose connection the id belongs to, by the first byte of an id that this side issued.</summary>
    public ListenerPort OwnerOf(byte first) => Ports[first % Ports.Length];

    /// <summary>Makes an id lead to the port.</summary>
    public static byte Mark(byte random, int index, int count)
    {
        var marked = random - (random % count) + index;
        return (byte)(marked > byte.MaxValue ? marked - count : marked);
    }

    /// <summary>The listener is gone. With <paramref name="end"/> the sockets go too, else once the last connection has gone.</summary>
    public void Release(bool end)
    {
        lock (s_gate)
        {
            _claimed = false;
            if (end)
            {
                Forget();
            }
        }

        Wake();
    }

    /// <summary>Whether the port's loop, which has no connection, may end: all of the group end together. Loop's thread.</summary>
    public bool MayEnd(ListenerPort port)
    {
        lock (s_gate)
        {
            if (_claimed)
            {
                return false;
            }

            port.MayEnd = true;
            if (!_ended)
            {
                if (!Array.TrueForAll(Ports, static p => p.MayEnd))
                {
                    return false;
                }

                _ended = true;
                Forget();
                Wake();
            }

            return true;
        }
    }

    // Each loop asks anew whether it may end.
    private void Wake()
    {
        foreach (var port in Ports)
        {
            port.Loop.Post(static () => { });
        }
    }

    private void Forget()
    {
        if (s_groups.TryGetValue(LocalEndPoint, out var group) && group == this)
        {
            s_groups.Remove(LocalEndPoint);
        }
    }
}
