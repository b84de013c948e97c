using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>A send to a full kernel buffer, played by a local datagram socket whose peer does not read.</summary>
public sealed unsafe partial class UdpSocketTests
{
    private static readonly byte[] s_packet = new byte[1200];

    [Fact]
    public void Send_BufferStaysFull_GivesUpInTimeAndCountsTheLoss()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        var (socket, peer) = Pair();
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var i = 0; i < 10_000 && socket.Dropped == 0; i++)
        {
            Assert.Equal(0, Send(socket));
        }

        Assert.Equal(1, socket.Dropped);
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(10));
        socket.Dispose();
        Close(peer);
    }

    [Fact]
    public void Send_BufferBecomesFree_NothingIsLost()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        var (socket, peer) = Pair();
        const int Count = 20_000;
        var received = 0;
        var reader = new Thread(() =>
        {
            var buffer = stackalloc byte[2000];
            while (received < Count && Read(peer, buffer, 2000) > 0)
            {
                received++;
            }
        });
        reader.Start();
        for (var sent = 0; sent < Count; sent++)
        {
            // A reader that the scheduler holds back longer than a send waits is no matter of this test.
            var lost = socket.Dropped;
            while (Send(socket) == 0 && socket.Dropped != lost)
            {
                lost = socket.Dropped;
            }
        }

        Assert.True(reader.Join(TimeSpan.FromSeconds(20)));
        Assert.Equal(Count, received);
        socket.Dispose();
        Close(peer);
    }

    // A device with a small MTU exists in a network namespace of one thread alone.
    [Fact]
    public void Send_FirstOfTheSegmentsIsLargerThanTheDevice_OthersArriveAndSegmentationStays()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        string? skipped = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                skipped = SmallLoopback(mtu: 1400);
                if (skipped is null)
                {
                    SendBehindAProbe();
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.SkipWhen(skipped is not null, skipped ?? "");
        if (failure is not null)
        {
            throw new InvalidOperationException(failure.Message, failure);
        }
    }

    private static void SendBehindAProbe()
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10_000 };
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var sender = UdpSocket.Connect((IPEndPoint)receiver.LocalEndPoint!, new NoSink(), new Ngtcp2TransportOptions());
        var data = new byte[2904];
        var buffer = new byte[4000];
        fixed (byte* bytes = data)
        {
            // A probe of the path, a packet of the size in use behind it.
            Assert.Equal(0, sender.Send(bytes, 1452 + 1200, 1452, 0, null, null));
            Assert.Equal(1200, receiver.Receive(buffer));
            Assert.True(sender.Segmentation);

            Assert.Equal(0, sender.Send(bytes, 2400, 1200, 0, null, null));
            Assert.Equal(1200, receiver.Receive(buffer));
            Assert.Equal(1200, receiver.Receive(buffer));
            Assert.True(sender.Segmentation);
        }
    }

    private static string? SmallLoopback(int mtu)
    {
        const int NewNetwork = 0x40000000;
        const nuint SetMtu = 0x8922, SetFlags = 0x8914;
        if (Unshare(NewNetwork) != 0)
        {
            return "a network namespace needs privileges";
        }

        using var any = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(request, 16));
        *(int*)(request + 16) = mtu;
        Assert.Equal(0, IoControl((int)any.Handle, SetMtu, request));
        *(int*)(request + 16) = 1; // IFF_UP
        Assert.Equal(0, IoControl((int)any.Handle, SetFlags, request));
        return null;
    }

    private static int Send(UdpSocket socket)
    {
        fixed (byte* data = s_packet)
        {
            return socket.Send(data, s_packet.Length, s_packet.Length, 0, null, null);
        }
    }

    private static (UdpSocket Socket, int Peer) Pair()
    {
        const int Unix = 1, Datagram = 2, NonBlocking = 0x800;
        var fds = stackalloc int[2];
        Assert.Equal(0, SocketPair(Unix, Datagram, 0, fds));
        Assert.Equal(0, Control(fds[0], 4, NonBlocking));
        var local = SockAddr.From(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1));
        return (UdpSocket.FromConnected(fds[0], in local, new NoSink()), fds[1]);
    }

    [LibraryImport("libc", EntryPoint = "socketpair")]
    private static partial int SocketPair(int family, int type, int protocol, int* fds);

    [LibraryImport("libc", EntryPoint = "unshare")]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int IoControl(int fd, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int fd, int command, int value);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int fd, byte* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    private sealed class NoSink : IPacketSink
    {
        public void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
        {
        }

        public void OnSocketError(int error)
        {
        }
    }
}
