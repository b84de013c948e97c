using System.Reflection;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Sizes and offsets against what a C compiler printed for libngtcp2 1.11 on x86_64.</summary>
public sealed class StructLayoutTests
{
    private static readonly Dictionary<string, Type> s_types = new()
    {
        ["ngtcp2_cid"] = typeof(NgCid),
        ["ngtcp2_vec"] = typeof(NgVec),
        ["ngtcp2_pkt_info"] = typeof(NgPacketInfo),
        ["ngtcp2_sockaddr_in"] = typeof(NgSockAddrIn),
        ["ngtcp2_sockaddr_in6"] = typeof(NgSockAddrIn6),
        ["ngtcp2_preferred_addr"] = typeof(NgPreferredAddr),
        ["ngtcp2_version_info"] = typeof(NgVersionInfo),
        ["ngtcp2_transport_params"] = typeof(NgTransportParams),
        ["ngtcp2_settings"] = typeof(NgSettings),
        ["ngtcp2_addr"] = typeof(NgAddr),
        ["ngtcp2_path"] = typeof(NgPath),
        ["ngtcp2_version_cid"] = typeof(NgVersionCid),
        ["ngtcp2_pkt_hd"] = typeof(NgPacketHeader),
        ["ngtcp2_ccerr"] = typeof(NgConnectionCloseError),
        ["ngtcp2_conn_info"] = typeof(NgConnectionInfo),
        ["ngtcp2_crypto_conn_ref"] = typeof(NgCryptoConnRef),
        ["ngtcp2_callbacks"] = typeof(NgCallbacks),
        ["gnutls_datum_t"] = typeof(GnuTlsDatum),
        ["iovec"] = typeof(IoVec),
        ["msghdr"] = typeof(MsgHdr),
        ["pollfd"] = typeof(PollFd),
        ["timespec"] = typeof(TimeSpec),
    };

    public static TheoryData<string> Structs { get; } = [.. s_types.Keys];

    [Theory]
    [MemberData(nameof(Structs))]
    public void Struct_SizeAndOffsets_AreThoseOfC(string name)
    {
        var type = s_types[name];
        var offsets = Fields(type, 0).ToDictionary(f => f.Name, f => f.Offset);
        var lines = Layout().Where(line => line.Name == name || line.Name.StartsWith(name + ".", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(lines);
        foreach (var (path, expected) in lines)
        {
            if (path == name)
            {
                Assert.True(SizeOf(type) == expected, $"sizeof({name}) is {SizeOf(type)}, C says {expected}");
                continue;
            }

            var field = path[(name.Length + 1)..].Replace("_", "", StringComparison.Ordinal);
            Assert.True(offsets.TryGetValue(field, out var offset), $"{path} has no field");
            Assert.True(offset == expected, $"{path} is at {offset}, C says {expected}");
        }

        Assert.Equal(lines.Count - 1, offsets.Count);
    }

    [Fact]
    public void Layout_EveryStructOfTheFile_IsBound() =>
        Assert.Empty(Layout().Select(line => line.Name.Split('.')[0]).Distinct().Except(s_types.Keys));

    private static IEnumerable<(string Name, int Value)> Layout()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("struct-layout")!);
        foreach (var line in reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ');
            yield return (parts[0], int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private static IEnumerable<(string Name, int Offset)> Fields(Type type, int start) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Instance)
            .Select(field => (field.Name.ToLowerInvariant(), start + (int)Marshal.OffsetOf(type, field.Name)));

    private static int SizeOf(Type type) => Marshal.SizeOf(type);
}
