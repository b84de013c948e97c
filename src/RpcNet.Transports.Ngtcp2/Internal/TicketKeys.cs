using System.Security.Cryptography;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Derives the key that session tickets are encrypted with. A ticket holds the client's identity and stands for the server's:
/// with another certificate, or under another rule for client certificates, the key is another one too, and the ticket of
/// before costs a full handshake. GnuTLS changes the key in use within this one by the clock.
/// </summary>
internal sealed class TicketKeys(Func<ReadOnlyMemory<byte>> secret)
{
    private static ReadOnlySpan<byte> Purpose => "rpcnet session tickets"u8;

    public void Derive(TlsIdentity identity, ClientCertificateMode mode, Span<byte> key)
    {
        Span<byte> salt = stackalloc byte[SHA256.HashSizeInBytes + 1];
        SHA256.HashData(identity.Certificate.RawDataMemory.Span, salt);
        salt[^1] = (byte)mode;
        HKDF.DeriveKey(HashAlgorithmName.SHA256, secret().Span, key, salt, Purpose);
    }
}
