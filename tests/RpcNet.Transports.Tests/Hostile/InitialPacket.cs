using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RpcNet.Transports.Tests.Hostile;

/// <summary>
/// A client's Initial packet that anybody can make and read: its keys follow from the connection id in it (RFC 9001 section 5.2).
/// </summary>
internal sealed class InitialPacket
{
    private const int TagLength = 16;
    private const int PacketNumberLength = 4;
    private static readonly byte[] s_salt = Convert.FromHexString("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");

    public byte[] Dcid { get; set; } = [];

    public byte[] Scid { get; set; } = [];

    public byte[] Token { get; set; } = [];

    public uint PacketNumber { get; set; }

    /// <summary>The payload in the clear.</summary>
    public byte[] Frames { get; set; } = [];

    /// <summary>Reads the first packet of a datagram.</summary>
    public static InitialPacket Parse(ReadOnlySpan<byte> datagram)
    {
        var packet = new InitialPacket();
        var at = 5;
        packet.Dcid = datagram.Slice(at + 1, datagram[at]).ToArray();
        at += 1 + packet.Dcid.Length;
        packet.Scid = datagram.Slice(at + 1, datagram[at]).ToArray();
        at += 1 + packet.Scid.Length;
        var tokenLength = (int)ReadVarint(datagram, ref at);
        packet.Token = datagram.Slice(at, tokenLength).ToArray();
        at += tokenLength;
        var length = (int)ReadVarint(datagram, ref at);
        var (key, iv, headerKey) = Keys(packet.Dcid);
        var header = datagram[..(at + PacketNumberLength)].ToArray();
        var mask = Mask(headerKey, datagram.Slice(at + PacketNumberLength, 16));
        header[0] ^= (byte)(mask[0] & 0x0f);
        var numberLength = (header[0] & 3) + 1;
        for (var i = 0; i < numberLength; i++)
        {
            header[at + i] ^= mask[1 + i];
            packet.PacketNumber = (packet.PacketNumber << 8) | header[at + i];
        }

        var body = datagram.Slice(at + numberLength, length - numberLength);
        packet.Frames = new byte[body.Length - TagLength];
        using var aes = new AesGcm(key, TagLength);
        aes.Decrypt(
            Nonce(iv, packet.PacketNumber), body[..^TagLength], body[^TagLength..], packet.Frames, header.AsSpan(0, at + numberLength));
        return packet;
    }

    /// <summary>The bytes of the CRYPTO frames, in order.</summary>
    public byte[] Crypto()
    {
        var data = new SortedDictionary<long, byte[]>();
        for (var at = 0; at < Frames.Length;)
        {
            switch (Frames[at++])
            {
                case 0x00 or 0x01:
                    break;
                case 0x06:
                    var offset = ReadVarint(Frames, ref at);
                    var length = (int)ReadVarint(Frames, ref at);
                    data[offset] = Frames.AsSpan(at, length).ToArray();
                    at += length;
                    break;
                case var other:
                    throw new InvalidOperationException($"A client's first Initial holds a frame of type {other}.");
            }
        }

        return [.. data.Values.SelectMany(d => d)];
    }

    /// <summary>A CRYPTO frame at offset 0.</summary>
    public static byte[] CryptoFrame(ReadOnlySpan<byte> data) =>
        [0x06, 0x00, (byte)(0x40 | (data.Length >> 8)), (byte)data.Length, .. data];

    /// <summary>Encrypts the packet, padded to a datagram of <paramref name="size"/> bytes.</summary>
    public byte[] Build(int size = 1200)
    {
        byte[] head =
        [
            0xc0 | (PacketNumberLength - 1), 0, 0, 0, 1, (byte)Dcid.Length, .. Dcid, (byte)Scid.Length, .. Scid,
            (byte)(0x40 | (Token.Length >> 8)), (byte)Token.Length, .. Token,
        ];
        var bodyLength = Math.Max(size - head.Length - 2 - PacketNumberLength - TagLength, Frames.Length);
        var packet = new byte[head.Length + 2 + PacketNumberLength + bodyLength + TagLength];
        head.CopyTo(packet, 0);
        BinaryPrimitives.WriteUInt16BigEndian(
            packet.AsSpan(head.Length), (ushort)(0x4000 | (PacketNumberLength + bodyLength + TagLength)));
        var at = head.Length + 2;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(at), PacketNumber);
        var clear = new byte[bodyLength];
        Frames.CopyTo(clear, 0);
        var (key, iv, headerKey) = Keys(Dcid);
        var body = packet.AsSpan(at + PacketNumberLength);
        using var aes = new AesGcm(key, TagLength);
        aes.Encrypt(
            Nonce(iv, PacketNumber), clear, body[..bodyLength], body[bodyLength..], packet.AsSpan(0, at + PacketNumberLength));
        var mask = Mask(headerKey, body[..16]);
        packet[0] ^= (byte)(mask[0] & 0x0f);
        for (var i = 0; i < PacketNumberLength; i++)
        {
            packet[at + i] ^= mask[1 + i];
        }

        return packet;
    }

    private static (byte[] Key, byte[] Iv, byte[] HeaderKey) Keys(byte[] dcid)
    {
        var secret = Expand(HKDF.Extract(HashAlgorithmName.SHA256, dcid, s_salt), "client in", 32);
        return (Expand(secret, "quic key", 16), Expand(secret, "quic iv", 12), Expand(secret, "quic hp", 16));
    }

    private static byte[] Expand(byte[] secret, string label, int length)
    {
        byte[] info = [0, (byte)length, (byte)(6 + label.Length), .. "tls13 "u8, .. System.Text.Encoding.ASCII.GetBytes(label), 0];
        return HKDF.Expand(HashAlgorithmName.SHA256, secret, length, info);
    }

    private static byte[] Nonce(byte[] iv, uint packetNumber)
    {
        var nonce = iv.ToArray();
        BinaryPrimitives.WriteUInt32BigEndian(nonce.AsSpan(8), BinaryPrimitives.ReadUInt32BigEndian(iv.AsSpan(8)) ^ packetNumber);
        return nonce;
    }

    private static byte[] Mask(byte[] key, ReadOnlySpan<byte> sample)
    {
        using var aes = Aes.Create();
        aes.Key = key;
        return aes.EncryptEcb(sample, PaddingMode.None);
    }

    private static long ReadVarint(ReadOnlySpan<byte> from, ref int at)
    {
        var length = 1 << (from[at] >> 6);
        long value = from[at] & 0x3f;
        for (var i = 1; i < length; i++)
        {
            value = (value << 8) | from[at + i];
        }

        at += length;
        return value;
    }
}
