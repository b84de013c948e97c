using System.Security.Cryptography;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// The connection IDs of the peer, for the sake of their stateless reset tokens. The token of a retired one says nothing about the
/// connection (RFC 9000 section 10.3.1), but libngtcp2 before 1.12 takes it for an end. A peer sends one when packets overtake each
/// other: the RETIRE_CONNECTION_ID comes first, and then a packet for an ID that it no longer knows.
/// </summary>
internal sealed unsafe partial class Connection
{
    private const int ResetTokenLength = 16;

    // Those that were ever used, until the library forgets them: it keeps few.
    private readonly List<PeerId> _peerIds = new(1);

    private readonly record struct PeerId(ulong Sequence, CidKey Id, UInt128 ResetToken);

    // Hardly ever has the peer's ID changed within the last probe time-outs.
    private bool IsResetOfRetiredId(byte* packet, int length) =>
        _peerIds.Count > 1 && length > ResetTokenLength && EndsInRetiredToken(new ReadOnlySpan<byte>(packet, length)[^ResetTokenLength..]);

    private bool EndsInRetiredToken(ReadOnlySpan<byte> end)
    {
        var current = CidKey.From(NgApi.GetDcid(Native));
        foreach (var id in _peerIds)
        {
            var token = id.ResetToken;
            if (CryptographicOperations.FixedTimeEquals(end, new ReadOnlySpan<byte>(&token, ResetTokenLength)))
            {
                return !id.Id.Equals(current);
            }
        }

        return false;
    }

    private void OnPeerIdUsed(ulong sequence, NgCid* id, UInt128 resetToken) =>
        _peerIds.Add(new PeerId(sequence, CidKey.From(id), resetToken));

    private void OnPeerIdForgotten(ulong sequence) => _peerIds.RemoveAll(id => id.Sequence == sequence);
}
