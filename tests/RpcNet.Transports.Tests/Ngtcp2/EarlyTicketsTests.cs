using System.Net.Security;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Which tickets allow early data.</summary>
public sealed class EarlyTicketsTests
{
    private static readonly SslApplicationProtocol s_early = new("early/1");
    private static readonly SslApplicationProtocol s_other = new("other/1");
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void TryTake_Ticket_SucceedsOnce()
    {
        var tickets = Tickets();
        Add(tickets, 1);

        Assert.True(Take(tickets, 1));
        Assert.False(Take(tickets, 1));
        Assert.Equal(0, tickets.Count);
    }

    [Fact]
    public void TryTake_TicketGivenOutElsewhere_Fails()
    {
        var tickets = Tickets();
        Add(tickets, 1);

        Assert.False(Take(Tickets(), 1));
    }

    [Fact]
    public void Add_ProtocolThatTakesNoEarlyData_IsNotNoted()
    {
        var tickets = Tickets();
        Add(tickets, 1, s_other);

        Assert.False(Take(tickets, 1));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(9_000, true)]
    [InlineData(11_000, false)]
    public void TryTake_FlightHeldBack_FailsAfterTheWindow(int delay, bool taken)
    {
        var tickets = Tickets();
        Add(tickets, 1, ageAdd: uint.MaxValue);

        // An hour at the client, and then on its way.
        _time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromMilliseconds(delay));

        Assert.Equal(taken, Take(tickets, 1, unchecked((uint)TimeSpan.FromHours(1).TotalMilliseconds + uint.MaxValue)));
        Assert.False(Take(tickets, 1, unchecked((uint)TimeSpan.FromHours(1).TotalMilliseconds + uint.MaxValue)));
    }

    [Fact]
    public void TryTake_AgeBeyondTheTrueOne_Fails()
    {
        var tickets = Tickets();
        Add(tickets, 1);

        Assert.False(Take(tickets, 1, obfuscatedAge: 60_000));
    }

    [Fact]
    public void Add_Full_ForgetsTheOldest()
    {
        var tickets = Tickets(capacity: 2);
        Add(tickets, 1);
        Add(tickets, 2);
        Add(tickets, 3);

        Assert.Equal(2, tickets.Count);
        Assert.False(Take(tickets, 1));
        Assert.True(Take(tickets, 2));
        Assert.True(Take(tickets, 3));
    }

    [Fact]
    public void TryRead_Message_GivesItsParts()
    {
        Assert.True(NewSessionTicket.TryRead(Message(ticket: 7, ageAdd: 0x01020304, maxEarlyData: uint.MaxValue), out var read));

        Assert.Equal(0x01020304u, read.AgeAdd);
        Assert.Equal([7, 7, 7], read.Ticket.ToArray());
        Assert.True(read.AllowsEarlyData);
    }

    // QUIC knows one value for it (RFC 9001 section 4.6.1).
    [Theory]
    [InlineData(null)]
    [InlineData(16384u)]
    public void TryRead_NoEarlyDataOrAnotherAmount_AllowsNone(uint? max)
    {
        Assert.True(NewSessionTicket.TryRead(Message(ticket: 7, ageAdd: 1, max), out var read));

        Assert.False(read.AllowsEarlyData);
    }

    [Fact]
    public void TryRead_CutOffAnywhere_IsRefusedOrReadWithoutEarlyData()
    {
        var message = Message(ticket: 7, ageAdd: 1, maxEarlyData: uint.MaxValue);
        for (var length = 0; length < message.Length; length++)
        {
            Assert.False(NewSessionTicket.TryRead(message.AsSpan(0, length), out var read) && read.AllowsEarlyData);
        }
    }

    private EarlyTickets Tickets(int capacity = 100) => new([s_early], _time, capacity);

    private static void Add(EarlyTickets tickets, byte ticket, SslApplicationProtocol? protocol = null, uint ageAdd = 0)
    {
        Assert.True(NewSessionTicket.TryRead(Message(ticket, ageAdd, uint.MaxValue), out var message));
        tickets.Add(message, protocol ?? s_early);
    }

    private static bool Take(EarlyTickets tickets, byte ticket, uint obfuscatedAge = 0) =>
        tickets.TryTake([ticket, ticket, ticket], obfuscatedAge, out _);

    private static byte[] Message(byte ticket, uint ageAdd, uint? maxEarlyData)
    {
        byte[] extensions = maxEarlyData is { } max
            ? [0, 99, 0, 1, 5, 0, 42, 0, 4, (byte)(max >> 24), (byte)(max >> 16), (byte)(max >> 8), (byte)max]
            : [];
        return
        [
            0, 0, 0x54, 0x60, (byte)(ageAdd >> 24), (byte)(ageAdd >> 16), (byte)(ageAdd >> 8), (byte)ageAdd,
            2, 0, 1,
            0, 3, ticket, ticket, ticket,
            0, (byte)extensions.Length, .. extensions,
        ];
    }
}
