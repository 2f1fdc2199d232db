// Combinational circuits for logic synthesis. Part of ChipGym, under its licence.
// Every module has one parameter W and a model of the same name in simulators/logic/models.py.

// Sum with carry out, carries rippling from bit to bit.
module adder #(parameter W = 8) (input [W-1:0] a, b, output [W:0] sum);
  wire [W:0] carry;
  genvar i;
  assign carry[0] = 1'b0;
  generate
    for (i = 0; i < W; i = i + 1) begin : bits
      assign sum[i] = a[i] ^ b[i] ^ carry[i];
      assign carry[i+1] = a[i] ? (b[i] | carry[i]) : (b[i] & carry[i]);
    end
  endgenerate
  assign sum[W] = carry[W];
endmodule

// Product by adding shifted rows.
module multiplier #(parameter W = 8) (input [W-1:0] a, b, output reg [2*W-1:0] product);
  integer row;
  always @* begin
    product = 0;
    for (row = 0; row < W; row = row + 1)
      product = product + (b[row] ? ({{W{1'b0}}, a} << row) : {2*W{1'b0}});
  end
endmodule

// Square; what the two operands share is left for synthesis to find.
module square #(parameter W = 8) (input [W-1:0] a, output [2*W-1:0] product);
  multiplier #(W) rows (.a(a), .b(a), .product(product));
endmodule

// Integer square root, bit by bit from the top (W even).
module sqrt #(parameter W = 8) (input [W-1:0] a, output reg [W/2-1:0] root);
  integer place;
  reg [W-1:0] trial, rest, low;
  always @* begin
    rest = a;
    low = 0;
    for (place = W - 2; place >= 0; place = place - 2) begin
      trial = low | ({{W-1{1'b0}}, 1'b1} << place);
      low = low >> 1;
      if (rest >= trial) begin
        rest = rest - trial;
        low = low | ({{W-1{1'b0}}, 1'b1} << place);
      end
    end
    root = low[W/2-1:0];
  end
endmodule

// Quotient and remainder by restoring division; a divisor of 0 gives all ones and the dividend.
module divider #(parameter W = 8)
  (input [W-1:0] dividend, divisor, output reg [W-1:0] quotient, remainder);
  integer place;
  reg [W:0] rest, difference;
  always @* begin
    rest = 0;
    quotient = 0;
    for (place = W - 1; place >= 0; place = place - 1) begin
      rest = {rest[W-1:0], dividend[place]};
      difference = rest - {1'b0, divisor};
      quotient[place] = ~difference[W];
      rest = difference[W] ? rest : difference;
    end
    remainder = rest[W-1:0];
  end
endmodule

// Rotate right in stages of powers of two (W a power of two).
module barrel #(parameter W = 8)
  (input [W-1:0] a, input [$clog2(W)-1:0] amount, output reg [W-1:0] rotated);
  integer stage;
  always @* begin
    rotated = a;
    for (stage = 0; stage < $clog2(W); stage = stage + 1)
      if (amount[stage])
        rotated = (rotated >> (1 << stage)) | (rotated << (W - (1 << stage)));
  end
endmodule

// Largest of four unsigned words, and the number of the first one that is so large.
module max #(parameter W = 8)
  (input [W-1:0] a, b, c, d, output reg [W-1:0] largest, output reg [1:0] index);
  always @* begin
    largest = a;
    index = 2'd0;
    if (b > largest) begin largest = b; index = 2'd1; end
    if (c > largest) begin largest = c; index = 2'd2; end
    if (d > largest) begin largest = d; index = 2'd3; end
  end
endmodule

// One-hot decoder with enable.
module decoder #(parameter W = 4) (input [W-1:0] a, input enable, output [(1<<W)-1:0] onehot);
  genvar i;
  generate
    for (i = 0; i < (1 << W); i = i + 1) begin : lines
      assign onehot[i] = enable & (a == i);
    end
  endgenerate
endmodule

// Number of the lowest set bit, and whether there is one.
module priority_encoder #(parameter W = 8)
  (input [W-1:0] request, output reg [$clog2(W)-1:0] index, output reg valid);
  integer i;
  always @* begin
    index = 0;
    valid = 1'b0;
    for (i = 0; i < W; i = i + 1)
      if (request[i] & ~valid) begin
        index = i;
        valid = 1'b1;
      end
  end
endmodule

// Round-robin arbiter: the first request at or after a pointer, else the first of all.
module arbiter #(parameter W = 8)
  (input [W-1:0] request, input [$clog2(W)-1:0] pointer, output reg [W-1:0] grant);
  integer i;
  reg found;
  always @* begin
    grant = 0;
    found = 1'b0;
    for (i = 0; i < W; i = i + 1)
      if (request[i] & ~found & (i >= pointer)) begin
        grant[i] = 1'b1;
        found = 1'b1;
      end
    for (i = 0; i < W; i = i + 1)
      if (request[i] & ~found) begin
        grant[i] = 1'b1;
        found = 1'b1;
      end
  end
endmodule

// Two's complement to sign, exponent of the leading one, and three bits after it (cut off).
module int_to_float #(parameter W = 11)
  (input signed [W-1:0] a, output sign, output reg [$clog2(W)-1:0] exponent,
   output [2:0] fraction);
  integer i;
  wire [W-1:0] magnitude = a[W-1] ? -a : a;
  wire [W+2:0] aligned = {magnitude, 3'b000} >> exponent;
  assign sign = a[W-1];
  always @* begin
    exponent = 0;
    for (i = 1; i < W; i = i + 1)
      if (magnitude[i]) exponent = i;
  end
  assign fraction = aligned[2:0];
endmodule

// CRC-16 (polynomial 1021, most significant bit first) over W bits from a given start.
module crc16 #(parameter W = 16) (input [15:0] start, input [W-1:0] data, output reg [15:0] crc);
  integer i;
  always @* begin
    crc = start;
    for (i = W - 1; i >= 0; i = i - 1)
      crc = (crc << 1) ^ ((crc[15] ^ data[i]) ? 16'h1021 : 16'h0000);
  end
endmodule

// Arithmetic-logic unit with zero, carry and overflow flags.
module alu #(parameter W = 8)
  (input [W-1:0] a, b, input [2:0] op, output reg [W-1:0] result, output zero,
   output carry, overflow);
  wire subtract = op[0];
  wire [W-1:0] operand = subtract ? ~b : b;
  wire [W:0] total = {1'b0, a} + {1'b0, operand} + {{W{1'b0}}, subtract};
  wire arithmetic = op[2:1] == 2'b00;
  always @*
    case (op)
      3'd2: result = a & b;
      3'd3: result = a | b;
      3'd4: result = a ^ b;
      3'd5: result = ~a;
      3'd6: result = a << 1;
      3'd7: result = {a[W-1], a[W-1:1]};
      default: result = total[W-1:0];
    endcase
  assign zero = result == 0;
  assign carry = arithmetic & total[W];
  assign overflow = arithmetic & (a[W-1] == operand[W-1]) & (total[W-1] != a[W-1]);
endmodule

// Number of set bits.
module popcount #(parameter W = 8) (input [W-1:0] a, output reg [$clog2(W+1)-1:0] count);
  integer i;
  always @* begin
    count = 0;
    for (i = 0; i < W; i = i + 1)
      count = count + a[i];
  end
endmodule

// Whether more than half of the votes are set (W odd).
module voter #(parameter W = 9) (input [W-1:0] votes, output majority);
  wire [$clog2(W+1)-1:0] count;
  popcount #(W) counter (.a(votes), .count(count));
  assign majority = count > W / 2;
endmodule

// W S-boxes of AES: inversion in GF(2^8) as the power 254, then the affine map.
module sbox #(parameter W = 1) (input [8*W-1:0] a, output [8*W-1:0] substituted);
  function [7:0] times(input [7:0] x, y);
    integer i;
    begin
      times = 8'h00;
      for (i = 7; i >= 0; i = i - 1) begin
        times = {times[6:0], 1'b0} ^ (times[7] ? 8'h1b : 8'h00);
        if (y[i]) times = times ^ x;
      end
    end
  endfunction
  function [7:0] inverse(input [7:0] x);
    integer i;
    reg [7:0] power;
    begin
      inverse = 8'h01;
      power = x;
      for (i = 1; i < 8; i = i + 1) begin
        power = times(power, power);
        inverse = times(inverse, power);
      end
    end
  endfunction
  function [7:0] affine(input [7:0] x);
    affine = x ^ {x[6:0], x[7]} ^ {x[5:0], x[7:6]} ^ {x[4:0], x[7:5]} ^ {x[3:0], x[7:4]} ^ 8'h63;
  endfunction
  genvar k;
  generate
    for (k = 0; k < W; k = k + 1) begin : boxes
      assign substituted[8*k +: 8] = affine(inverse(a[8*k +: 8]));
    end
  endgenerate
endmodule

// Length of the hypotenuse, rounded down.
module hypotenuse #(parameter W = 6) (input [W-1:0] a, b, output [W:0] length);
  wire [2*W-1:0] aa, bb;
  wire [2*W+1:0] total = {2'b00, aa} + {2'b00, bb};
  square #(W) first (.a(a), .product(aa));
  square #(W) second (.a(b), .product(bb));
  sqrt #(2*W+2) extract (.a(total), .root(length));
endmodule

// Rotation by CORDIC in W - 3 steps: cosine and sine of an angle (a full circle is 2^W), for
// angles up to an eighth of a circle over a quarter; no guard bits, as in a small core.
module cordic #(parameter W = 16)
  (input signed [W-1:0] angle, output reg signed [W-1:0] cosine, sine);
  // Arc tangents of 1/2^i as fractions of a circle of 2^32, and 1/gain as a fraction of 2^31.
  localparam [16*32-1:0] ANGLES = {
    32'h0000517d, 32'h0000a2fa, 32'h000145f3, 32'h00028be6, 32'h000517cc, 32'h000a2f98,
    32'h00145f2f, 32'h0028be53, 32'h00517c55, 32'h00a2f61e, 32'h0145d7e1, 32'h028b0d43,
    32'h051111d4, 32'h09fb385b, 32'h12e4051e, 32'h20000000};
  localparam [31:0] GAIN = 32'h4dba76d4;
  integer i;
  reg signed [W-1:0] rest, turned, step;
  reg [31:0] entry;
  always @* begin
    cosine = GAIN >> (32 - W);
    sine = 0;
    rest = angle;
    for (i = 0; i < W - 3; i = i + 1) begin
      entry = ANGLES[32*i +: 32];
      step = entry >> (32 - W);
      if (rest < 0) begin
        turned = cosine + (sine >>> i);
        sine = sine - (cosine >>> i);
        rest = rest + step;
      end else begin
        turned = cosine - (sine >>> i);
        sine = sine + (cosine >>> i);
        rest = rest - step;
      end
      cosine = turned;
    end
  end
endmodule

// Crossbar control of a mesh router: five inputs ask for the output that leads towards their
// packet's destination, first in x and then in y; every output grants the lowest input.
module router #(parameter W = 4)
  (input [W-1:0] here_x, here_y, input [5*W-1:0] to_x, to_y, input [4:0] valid,
   output reg [24:0] grant, output reg [4:0] blocked);
  integer i;
  reg [4:0] taken, wish;
  reg [W-1:0] x, y;
  always @* begin
    taken = 5'd0;
    for (i = 0; i < 5; i = i + 1) begin
      x = to_x[W*i +: W];
      y = to_y[W*i +: W];
      if (x > here_x) wish = 5'd2;
      else if (x < here_x) wish = 5'd4;
      else if (y > here_y) wish = 5'd8;
      else if (y < here_y) wish = 5'd16;
      else wish = 5'd1;
      if (~valid[i]) wish = 5'd0;
      blocked[i] = |(wish & taken);
      grant[5*i +: 5] = wish & ~taken;
      taken = taken | wish;
    end
  end
endmodule
